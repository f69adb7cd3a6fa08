#!/bin/sh
# Make sure that the real programs the tests talk to are here: as root, install what is missing from Debian's
# packages; otherwise say what to install and fail. Usage: ensure.sh dovecot [mbsync] [oidc] [dbus-daemon gnome-keyring-daemon]
# `oidc` is the OpenID provider of tests/servers/oidc: npm installs what its lock names into a cache, once.
set -eu
PATH="$PATH:/usr/sbin:/sbin"
here=$(cd "$(dirname "$0")" && pwd)

provider() {
    digest=$(sha256sum "$here/oidc/package-lock.json" | cut -c -16)
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/mailsync-tests"
    [ ! -d "$cache/oidc-$digest" ] || return 0
    echo "installing the OpenID provider of the tests" >&2
    mkdir -p "$cache"
    folder=$(mktemp -d "$cache/installing.XXXXXX")
    cp "$here/oidc/package.json" "$here/oidc/package-lock.json" "$folder"
    if ! (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund > npm.log 2>&1); then
        cat "$folder/npm.log" >&2
        rm -rf "$folder"
        echo "error: npm could not install the OpenID provider of the tests" >&2
        exit 1
    fi
    # Two runs at a time: the first one wins.
    mv -T "$folder" "$cache/oidc-$digest" 2>/dev/null || rm -rf "$folder"
}

missing=
wants_provider=
for program in "$@"; do
    if [ "$program" = oidc ]; then
        wants_provider=yes
        program=npm
    fi
    command -v "$program" >/dev/null 2>&1 && continue
    case "$program" in
        dovecot) missing="$missing dovecot-imapd" ;;
        mbsync) missing="$missing isync" ;;
        npm) missing="$missing npm" ;;
        dbus-daemon) missing="$missing dbus" ;;
        gnome-keyring-daemon) missing="$missing gnome-keyring" ;;
        *) echo "error: no package is known for $program" >&2; exit 1 ;;
    esac
done
if [ -z "$missing" ]; then
    [ -z "$wants_provider" ] || provider
    exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "error: these tests need real servers:$missing" >&2
    echo "hint: on Debian or Ubuntu: sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

echo "installing$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# The package starts a system-wide server on install; the tests run their own, so a policy file keeps it off.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
    trap 'rm -f "$log" "$policy"' EXIT
fi
# shellcheck disable=SC2086 # several packages, one word each
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } > "$log" 2>&1; then
    cat "$log" >&2
    echo "error: could not install$missing" >&2
    exit 1
fi
[ -z "$wants_provider" ] || provider
