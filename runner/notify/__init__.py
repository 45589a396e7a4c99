"""Telling people: which alerts, by which channel, how often, and nothing lost on the way.

    mark       the alert says, in the write that creates it, which channels are to be told of it
    put        an entry for each alert and channel goes into the outbox; whatever lacks is found by the mark, and put later
    deliver    one courier a channel takes what is due, as single messages or as digests, and sends it
    settle     sent, or waiting for the next attempt, or failed for good

`docs/notifications.md` says it to users.
"""
