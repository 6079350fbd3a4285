"""The table: every command, declared once.

What is typed, offered while typing, listed in menus, explained by /help and printed in the README all
comes from here.
"""

from __future__ import annotations

from datetime import timedelta

from adapters.reply import Reply
from bot.commands import (
    checkpoint,
    conversations,
    history,
    link,
    model,
    pair,
    privacy,
    resets,
    session,
    settings,
    start,
    timeline,
)
from bot.commands.command import Access, Command, Kind, Parameter, Topic
from bot.commands.context import Context
from bot.commands.help import answer
from bot.commands.parameters import Parameters
from sessions.reset_policy import MAX_IDLE
from sessions.scope import Scope

_WHICH = Parameter(
    name="which",
    kind=Kind.SESSION,
    summary="which conversation: its number in `/session list`, its id or its title",
    required=True,
)
_WHICH_CHECKPOINT = Parameter(
    name="which",
    kind=Kind.CHECKPOINT,
    summary="which checkpoint: its number in `/checkpoint list` or its name",
    required=True,
)
_TITLE = Parameter(name="title", kind=Kind.REST, summary="what the conversation is called")
_CODE = Parameter(name="code", kind=Kind.TEXT, summary="the code that the person was given", required=True)
_STEPS = Parameter(name="n", kind=Kind.INTEGER, summary="how many steps, 1 if left out")


async def help_(context: Context, parameters: Parameters) -> Reply:
    """Answer /help [command]."""
    return answer(COMMANDS, context, parameters.text("command"))


COMMANDS: tuple[Command, ...] = (
    Command(
        path=("new",),
        summary="Begin a new conversation with default settings; the old one is kept",
        topic=Topic.CONVERSATION,
        handler=conversations.new,
        example="/new Trip to Rome",
        parameters=(_TITLE,),
        frequent=True,
    ),
    Command(
        path=("reset",),
        summary="Begin afresh with the same title, model and tags; the old conversation is kept",
        topic=Topic.CONVERSATION,
        handler=conversations.reset,
        example="/reset",
    ),
    Command(
        path=("stop",),
        summary="Stop the reply that is being written",
        topic=Topic.CONVERSATION,
        handler=conversations.stop,
        example="/stop",
        frequent=True,
    ),
    Command(
        path=("session", "show"),
        summary="Show the current conversation: title, scope, size, next reset, who can read it",
        topic=Topic.CONVERSATION,
        handler=session.show,
        example="/session",
        private=True,
        default=True,
        frequent=True,
    ),
    Command(
        path=("session", "list"),
        summary="List your conversations here, newest first",
        topic=Topic.CONVERSATION,
        handler=conversations.list_,
        example="/session list",
        parameters=(Parameter(name="page", kind=Kind.INTEGER, summary="which page of the list", maximum=10_000),),
        private=True,
    ),
    Command(
        path=("session", "switch"),
        summary="Go on with another conversation; the current one is set aside",
        topic=Topic.CONVERSATION,
        handler=conversations.switch,
        example="/session switch 2",
        parameters=(_WHICH,),
        private=True,
    ),
    Command(
        path=("resume",),
        summary="Go back to an earlier conversation, or choose one",
        topic=Topic.CONVERSATION,
        handler=conversations.resume,
        example="/resume Trip to Rome",
        parameters=(
            Parameter(name="which", kind=Kind.SESSION, summary="its number, id or title; the last one if left out"),
        ),
        private=True,
        frequent=True,
    ),
    Command(
        path=("session", "title"),
        summary="Name the current conversation",
        topic=Topic.CONVERSATION,
        handler=session.title,
        example="/session title Trip to Rome",
        parameters=(Parameter(name="text", kind=Kind.REST, summary='the title, or "" to take it away', required=True),),
    ),
    Command(
        path=("session", "tag"),
        summary="Put tags on the current conversation",
        topic=Topic.CONVERSATION,
        handler=session.tag,
        example="/session tag travel italy",
        parameters=(Parameter(name="tags", kind=Kind.TAGS, summary="one or more tags", required=True),),
        private=True,
    ),
    Command(
        path=("session", "untag"),
        summary="Take tags off the current conversation",
        topic=Topic.CONVERSATION,
        handler=session.untag,
        example="/session untag italy",
        parameters=(Parameter(name="tags", kind=Kind.TAGS, summary="one or more tags", required=True),),
        private=True,
    ),
    Command(
        path=("session", "delete"),
        summary="Erase a conversation for good, after asking",
        topic=Topic.CONVERSATION,
        handler=session.delete,
        example="/session delete 3",
        parameters=(_WHICH,),
        private=True,
    ),
    Command(
        path=("session", "why"),
        summary="Explain why you are in this conversation and what decides its next reset",
        topic=Topic.SETTINGS,
        handler=session.why,
        example="/session why",
        private=True,
    ),
    Command(
        path=("session", "scope"),
        summary="Choose who shares your conversation in this chat",
        topic=Topic.SETTINGS,
        handler=settings.scope,
        example="/session scope per-peer",
        parameters=(
            Parameter(
                name="scope",
                kind=Kind.CHOICE,
                summary="who shares it",
                required=True,
                choices=tuple(scope.value for scope in Scope),
                also=tuple((scope.short, scope.value) for scope in Scope),
            ),
        ),
    ),
    Command(
        path=("session", "reset-time"),
        summary="Begin afresh every day at a time of your choice, or never",
        topic=Topic.SETTINGS,
        handler=settings.reset_time,
        example="/session reset-time 04:00 Europe/Berlin",
        parameters=(
            Parameter(
                name="time", kind=Kind.TIME, summary="the time of day", required=True, off=True, placeholder="HH:MM"
            ),
            Parameter(name="zone", kind=Kind.ZONE, summary="the time zone, as before if left out"),
        ),
    ),
    Command(
        path=("session", "idle-reset"),
        summary="Begin afresh after some minutes of silence, or never",
        topic=Topic.SETTINGS,
        handler=settings.idle_reset,
        example="/session idle-reset 30",
        parameters=(
            Parameter(
                name="minutes",
                kind=Kind.INTEGER,
                summary="how many minutes",
                required=True,
                off=True,
                maximum=MAX_IDLE // timedelta(minutes=1),
            ),
        ),
    ),
    Command(
        path=("session", "keep"),
        summary="Keep this conversation: the coming automatic reset is left out once",
        topic=Topic.SETTINGS,
        handler=resets.keep,
        example="/session keep",
    ),
    Command(
        path=("session", "snooze"),
        summary="Put the coming automatic reset off for a while",
        topic=Topic.SETTINGS,
        handler=resets.snooze,
        example="/session snooze 90",
        parameters=(
            Parameter(
                name="minutes",
                kind=Kind.INTEGER,
                summary="how many minutes from now, 60 if left out",
                maximum=24 * 60,
            ),
        ),
    ),
    Command(
        path=("session", "never-reset"),
        summary="No automatic resets in this conversation",
        topic=Topic.SETTINGS,
        handler=resets.never,
        example="/session never-reset",
    ),
    Command(
        path=("checkpoint", "save"),
        summary="Save a checkpoint to come back to",
        topic=Topic.TIME_LINE,
        handler=checkpoint.save,
        example='/checkpoint save "before the change" all tests pass',
        parameters=(
            Parameter(name="name", kind=Kind.TEXT, summary="its name, the time if left out", placeholder='"name"'),
            Parameter(name="description", kind=Kind.REST, summary="what it is about"),
        ),
    ),
    Command(
        path=("checkpoint", "list"),
        summary="List the checkpoints of this conversation",
        topic=Topic.TIME_LINE,
        handler=checkpoint.list_,
        example="/checkpoint list",
        private=True,
        default=True,
    ),
    Command(
        path=("checkpoint", "restore"),
        summary="Go back to a checkpoint",
        topic=Topic.TIME_LINE,
        handler=checkpoint.restore,
        example="/checkpoint restore 2",
        parameters=(_WHICH_CHECKPOINT,),
        private=True,
    ),
    Command(
        path=("checkpoint", "delete"),
        summary="Delete a checkpoint; the messages stay",
        topic=Topic.TIME_LINE,
        handler=checkpoint.delete,
        example="/checkpoint delete 2",
        parameters=(_WHICH_CHECKPOINT,),
        private=True,
    ),
    Command(
        path=("undo",),
        summary="Take back the last turn, clearing, restoring or reset",
        topic=Topic.TIME_LINE,
        handler=timeline.undo,
        example="/undo 2",
        parameters=(_STEPS,),
        frequent=True,
    ),
    Command(
        path=("redo",),
        summary="Do again what was taken back",
        topic=Topic.TIME_LINE,
        handler=timeline.redo,
        example="/redo",
        parameters=(_STEPS,),
    ),
    Command(
        path=("retry",),
        summary="Have your last message answered once more",
        topic=Topic.TIME_LINE,
        handler=timeline.retry,
        example="/retry",
    ),
    Command(
        path=("fork",),
        summary="Go on in a copy and leave this conversation as it is",
        topic=Topic.TIME_LINE,
        handler=timeline.fork,
        example="/fork What if by train",
        parameters=(_TITLE,),
        private=True,
    ),
    Command(
        path=("history", "show"),
        summary="Show the last messages",
        topic=Topic.HISTORY,
        handler=history.show,
        example="/history 20",
        parameters=(Parameter(name="n", kind=Kind.INTEGER, summary="how many messages, 10 if left out"),),
        private=True,
        default=True,
        frequent=True,
    ),
    Command(
        path=("history", "search"),
        summary="Search all your conversations here",
        topic=Topic.HISTORY,
        handler=history.search,
        example="/history search portfolio value",
        parameters=(Parameter(name="words", kind=Kind.REST, summary="the words to look for", required=True),),
        private=True,
    ),
    Command(
        path=("history", "export"),
        summary="Give the whole conversation as a file",
        topic=Topic.HISTORY,
        handler=history.export,
        example="/history export json",
        parameters=(
            Parameter(
                name="format",
                kind=Kind.CHOICE,
                summary="the format, markdown if left out",
                choices=("markdown", "json", "html", "text"),
                also=(("md", "markdown"), ("txt", "text")),
            ),
        ),
        private=True,
    ),
    Command(
        path=("history", "clear"),
        summary="Empty the conversation; settings and checkpoints stay",
        topic=Topic.HISTORY,
        handler=history.clear,
        example="/history clear",
    ),
    Command(
        path=("model",),
        summary="Show or choose the model that answers",
        topic=Topic.MODEL,
        handler=model.model,
        example="/model default",
        parameters=(Parameter(name="name", kind=Kind.REST, summary="the model's name, or default"),),
    ),
    Command(
        path=("context",),
        summary="Show how much of the conversation the model is sent",
        topic=Topic.MODEL,
        handler=model.context_,
        example="/context",
    ),
    Command(
        path=("compact",),
        summary="Sum up what was said so far, to save room",
        topic=Topic.MODEL,
        handler=model.compact,
        example="/compact keep all figures",
        parameters=(Parameter(name="instructions", kind=Kind.REST, summary="what the summary should heed"),),
        private=True,
    ),
    Command(
        path=("usage",),
        summary="Show the tokens of this conversation and of all of yours",
        topic=Topic.MODEL,
        handler=model.usage,
        example="/usage",
        private=True,
    ),
    Command(
        path=("incognito",),
        summary="Keep what follows in memory only, or stop doing so",
        topic=Topic.PRIVACY,
        handler=privacy.incognito,
        example="/incognito on",
        parameters=(Parameter(name="state", kind=Kind.CHOICE, summary="on or off", choices=("on", "off")),),
    ),
    Command(
        path=("mydata",),
        summary="Give you a copy of everything stored of you",
        topic=Topic.PRIVACY,
        handler=privacy.mydata,
        example="/mydata",
        private=True,
    ),
    Command(
        path=("forgetme",),
        summary="Erase everything stored of you, after asking",
        topic=Topic.PRIVACY,
        handler=privacy.forgetme,
        example="/forgetme",
        private=True,
    ),
    Command(
        path=("link",),
        summary="Link an account on another platform, so that your conversations go on there",
        topic=Topic.PRIVACY,
        handler=link.link,
        example="/link ABCD2345",
        parameters=(
            Parameter(
                name="code", kind=Kind.TEXT, summary="the code from your other account, or off", placeholder="code|off"
            ),
        ),
        private=True,
    ),
    Command(
        path=("start",),
        summary="Say what this bot is, who can read what is stored, and how to erase it",
        topic=Topic.PRIVACY,
        handler=start.start,
        example="/start",
    ),
    Command(
        path=("whoami",),
        summary="Show who you are to the bot",
        topic=Topic.PRIVACY,
        handler=privacy.whoami,
        example="/whoami",
        private=True,
    ),
    Command(
        path=("help",),
        summary="List the commands, or explain one",
        topic=Topic.PRIVACY,
        handler=help_,
        example="/help checkpoint save",
        parameters=(Parameter(name="command", kind=Kind.COMMAND, summary="the command to explain"),),
    ),
    Command(
        path=("pair", "list"),
        summary="List the people who wait to be let in",
        topic=Topic.OPERATORS,
        handler=pair.list_,
        example="/pair list",
        access=Access.OPERATOR,
        private=True,
        default=True,
    ),
    Command(
        path=("pair", "approve"),
        summary="Let in the person who was given a code",
        topic=Topic.OPERATORS,
        handler=pair.approve,
        example="/pair approve ABCD2345",
        parameters=(_CODE,),
        access=Access.OPERATOR,
        private=True,
    ),
    Command(
        path=("pair", "refuse"),
        summary="Leave a person outside, without telling them",
        topic=Topic.OPERATORS,
        handler=pair.refuse,
        example="/pair refuse ABCD2345",
        parameters=(_CODE,),
        access=Access.OPERATOR,
        private=True,
    ),
    Command(
        path=("pair", "revoke"),
        summary="Let a person in no longer",
        topic=Topic.OPERATORS,
        handler=pair.revoke,
        example="/pair revoke telegram:42",
        parameters=(
            Parameter(
                name="person",
                kind=Kind.TEXT,
                summary="who: the platform and the id there",
                required=True,
                placeholder="platform:id",
            ),
        ),
        access=Access.OPERATOR,
        private=True,
    ),
)
