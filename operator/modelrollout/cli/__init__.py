"""`kubectl mr`: people's controls as one word each, and a readable view."""
