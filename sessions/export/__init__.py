"""Write a conversation as Markdown, JSON, HTML or plain text, and read the JSON back.

Pure functions of a `Transcript`: nothing here knows where it is stored.
"""
