#!/bin/sh
# Make sure that the real programs the tests talk to are here: as root, install what is missing from Debian's
# packages; otherwise say what to install and fail. Usage: ensure.sh dovecot [mbsync]
set -eu
PATH="$PATH:/usr/sbin:/sbin"

missing=
for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 && continue
    case "$program" in
        dovecot) missing="$missing dovecot-imapd" ;;
        mbsync) missing="$missing isync" ;;
        *) echo "error: no package is known for $program" >&2; exit 1 ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "error: these tests need a real mail server:$missing" >&2
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
