"""The program `tocsin`, a file a command.

__main__.py   the entry point: signals first, then the rest
main.py       the commands with their options; how errors are shown
options.py    options that several commands share, and the settings behind them
up.py         `tocsin up`: the local stack until Ctrl-C
demo.py       `tocsin demo`: a file of posts through the whole pipeline
demo_view.py  what the demo shows: text or JSON lines
watch.py      `tocsin watch`: alerts as they come
dead.py       `tocsin dead`: list, show and replay dead letters
dead_view.py  what it shows of them: a line, a page or JSON
"""
