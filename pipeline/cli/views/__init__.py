"""What commands show on the terminal, apart from the work that they do.

- `demo`: what `tocsin demo` shows, as text or JSON lines.
- `dead`: what `tocsin dead` shows of dead letters, as a line, a page or JSON.
"""
