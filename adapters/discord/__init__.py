"""Discord.

channel       connects, and connects again
client        the library's client, which hands on what happens
desk          takes in and gives out for one bot account
parsing       messages and interactions read
arrival       what came in, as it is kept
place         where it was said
interactions  native commands and buttons, acknowledged at once
tree          the menu as native commands
seen          how far each channel was read
catch_up      reads on after a gap
outlet        where answers go
preview       an answer shown while it is being made
target        where an answer goes, as it is kept
ticket        what lets the bot answer a command for a quarter of an hour
sender        delivers what is in the post
parts         the messages that a reply becomes
wire          sends, changes and deletes
refusals      what the platform's errors mean
errors        what ends the channel
rendering     Markdown cut into messages, with tables as aligned text
"""
