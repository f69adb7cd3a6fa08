"""mailsync: a live, complete, searchable copy of every mailbox in one SQLite file.

The map, imports go down only (import-linter enforces it):

                   cli                             parses, asks, renders; opens one of the faces below
          /         |          \\
      daemon       tui        demo                 faces: headless, dashboard, a mail server to try it on
          \\         |                               No SQL, no IMAP, no secrets above this line
              engine | export                      the composition root: schedules, monitors, job workers; files
                |
             cleanup                               proposals, the guard over them, execution, undo
      /        /      |
    sync   pipeline  jobs                          siblings: none imports another
        \\       |      /
   accounts     imap     store                     the doors: secrets, server, disk
         \\      |       /
           config  privacy                         what is wanted, what is allowed and never told
                 |
               query                               the search language, which `config` checks and `store` compiles
                 |
        model    text    errors                    plain data and pure helpers; `record` makes its classes

Inside laws: the store is the only meeting point of engine and front ends (a front end reads tables and asks by
inserting a job); commit, then tell; decide purely, act idempotently; every failure has a scope and a retry.
"""

__version__ = "0.1.0"
