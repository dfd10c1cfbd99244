"""Reading an uploaded file in a child process: pass 1 inspects it, pass 2 loads its rows."""
