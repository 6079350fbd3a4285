"""What whoever runs the bot does from a shell: sessions, keys, the database, people, the audit."""
