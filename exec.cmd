@rem npm scripts begin with exec, so that npm's signals reach the program and not a shell.
@rem cmd.exe has no exec: it finds this file instead.
@%*
