"""The engine: text → matches. No I/O, no clock, no environment; everything it needs is handed in."""
