"""Telegram.

channel     TelegramChannel: one bot, from its token to the handler and back
poller      Poller: fetches updates, and confirms them once they are stored
webhook     Webhook: how Telegram reaches the program; webhook_server listens
reception   Reception: takes updates in, each under its name
parsing     from an update as it came to what it means, if anything
addressing  Me, and whether a message in a group is meant for the bot
presses     Presses: which buttons count, and what the person is told
place       Place: where the answers to one message go
outlet      TelegramOutlet: takes the answers to one message
preview     Preview: typing, drafts and edits while an answer is made
sender      Sender: delivers what the courier brings
private     Private: brings an answer to one member of a group alone
parts       what a reply is sent as, one message each
keyboard    Keyboard: signed buttons
row         Row: the buttons under a message, as Telegram tells of them
messenger   Messenger: one message, in another form or place if need be
target      Target: where one message is sent
refusals    what Telegram's words say about what else could be tried
limiter     Limiter: how fast a bot may speak
menu        the commands that Telegram offers
wire        Wire: requests over HTTP, and the refusals that matter
rendering   Markdown as messages: text and entities, cut where Telegram's limits are
document    Markdown as one text with spans
piece       Piece and Entity: what one message takes
"""
