"""The mirror: pure plans (`plan`, `guard`), carried out on a folder (`folder`), over an account (`account`, `monitor`).

No schedules, no jobs, no screens, no parsing of mail: a message is bytes here.
The engine imports it; its siblings pipeline and jobs do not.
"""
