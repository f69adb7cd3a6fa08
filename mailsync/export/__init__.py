"""Everything can leave again: messages of the mirror as files, one module a form.

`leaving` runs an export and puts it on record, `chosen` says which folders and messages may leave, `eml`, `maildir` and
`mbox` write them, `index` tells what each file holds, `names` makes paths of folder names, `tree` is the directory.
"""
