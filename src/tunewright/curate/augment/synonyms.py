"""Other words for common English words, and for those of the person's own list.

The list is short and careful: words stand together only where one can take the place of the other
in nearly every sentence of a message, since a variant keeps the label of its origin. There are no
names of things that a label may depend on.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tunewright.core.errors import ConfigError, DataError

_GROUPS = """
able, capable
about, regarding, concerning
accept, take
additional, extra, further
afterwards, later
allow, permit, let
allowed, permitted
almost, nearly
also, too
always, constantly
amount, sum
angry, annoyed, upset
answer, reply, response
anybody, anyone
appear, show up
appears, shows up
approximately, roughly, around
ask, inquire
assist, help, aid
assistance, help, support
attempt, try
attempted, tried
attempting, trying
away, off
bad, poor, awful
before, earlier
begin, start
beginning, start
big, large, huge
brief, short
broken, damaged, faulty
bug, glitch
buy, purchase
bought, purchased
buying, purchasing
cause, reason
certain, sure
change, alter, modify
changed, altered, modified
changing, altering, modifying
cheap, inexpensive
check, verify
choose, pick, select
chosen, picked, selected
clear, obvious
clearly, obviously
close, shut
comment, remark
complete, finish
completed, finished
completely, entirely, totally
confused, puzzled
confusing, unclear
contact, reach
continue, go on
correct, right
correctly, properly, rightly
could, might
couldn't, could not
create, make
created, made
creating, making
currently, at present, right now
daily, every day
decide, determine
delay, hold-up
delayed, late
deliver, bring
demand, require
describe, explain
desire, wish
didn't, did not
difference, distinction
different, distinct
difficult, hard, tricky
difficulty, trouble, problem
disappear, vanish
disappeared, vanished
discover, find
doesn't, does not
don't, do not
earlier, before
easily, simply
easy, simple
end, finish
enormous, huge
enough, sufficient
entire, whole
error, mistake, fault
especially, particularly
essential, vital
everybody, everyone
exactly, precisely
examine, inspect
excellent, great, superb
expensive, costly, pricey
explain, clarify
explanation, clarification
extremely, very, really
fail, not work
famous, well-known
fast, quick, rapid
fault, defect
finally, at last
find, locate
finding, locating
fix, repair, mend
fixed, repaired, mended
fixing, repairing
forbidden, prohibited
forgot, forgotten
frequently, often
fresh, new
friend, pal
frequent, common
frustrated, annoyed
function, work
functioning, working
gather, collect
get, obtain, receive
getting, obtaining, receiving
gift, present
give, provide
gives, provides
giving, providing
glad, happy, pleased
going to, about to
good, fine, nice
got, received
grateful, thankful
great, wonderful, fantastic
guide, lead
happen, occur
happened, occurred
happening, occurring
hate, dislike
hello, hi, hey
help, assist
helped, assisted
helpful, useful
helping, assisting
hence, therefore
honest, sincere
however, though
hurry, rush
idea, notion
identical, same
immediately, at once, right away, straight away
important, crucial, significant
impossible, not possible
improve, better
incorrect, wrong
incorrectly, wrongly
increase, raise
increased, raised
information, details, info
inform, tell
instantly, immediately
instead, rather
intend, plan
interested, keen
issue, problem
issues, problems
job, task
just, only
keep, retain
kind, sort, type
know, be aware
large, big
last, final
lately, recently
latest, newest
likely, probable
little, small
locate, find
look, appear
looking for, searching for
lots, plenty
mad, angry
main, primary, chief
make, create
mandatory, compulsory, required
many, numerous
maybe, perhaps, possibly
method, way
missing, lost, absent
mistake, error
mistakenly, by mistake
more, additional
mostly, mainly
need, require
needed, required
needs, requires
new, recent
normal, usual, ordinary
normally, usually
notice, see, spot
noticed, saw, spotted
notify, inform
nobody, no one
now, at the moment
numerous, many
obtain, get
occasionally, now and then
occur, happen
odd, strange, weird
often, frequently
okay, fine, alright
old, former
one more, another
ordinary, normal
outcome, result
own, have
part, portion
particular, specific
permission, consent
person, individual
phone, telephone
place, spot
please, kindly
pleased, glad
plenty, lots
portion, part
possible, feasible
possibly, perhaps
precise, exact
prefer, like better
previous, earlier, prior
previously, earlier, before
prior, previous
probably, likely, presumably
problem, issue, trouble
problems, issues, troubles
proceed, continue, go ahead
prompt, quick
promptly, quickly
proof, evidence
proper, correct
provide, give, supply
provided, given, supplied
purchase, buy
quick, fast
quickly, fast, rapidly
quiet, silent
quite, rather, fairly
really, truly
reason, cause
receive, get
received, got
receiving, getting
recently, lately
recommend, suggest, advise
reduce, lower, decrease
refuse, decline, reject
refused, declined, rejected
regarding, about
remain, stay
remember, recall
remove, delete
removed, deleted
removing, deleting
repair, fix
reply, answer, respond
request, ask for
require, need
required, needed
requires, needs
resolve, solve, settle
resolved, solved, settled
result, outcome
sad, unhappy
safe, secure
same, identical
satisfied, content, happy
see, notice
seem, appear
seems, appears
select, choose
send, dispatch
sending, dispatching
sent, dispatched
several, various, a few
shall, will
short, brief
show, display
showing, displaying
shows, displays
simple, easy
simply, just
slow, sluggish
slowly, gradually
small, little, tiny
smart, clever
solution, fix, remedy
solve, resolve
somebody, someone
sometimes, occasionally, at times
soon, shortly, before long
sorry, apologies
specific, particular
speak, talk
start, begin
started, began
starting, beginning
still, even now
stop, halt, cease
stopped, halted, ceased
strange, odd, weird, peculiar
stupid, silly
sudden, abrupt
suddenly, all of a sudden
suggest, recommend
support, help
sure, certain
surely, certainly
swiftly, quickly
talk, speak
tell, inform
terrible, awful, dreadful
thank you, thanks
thanks, thank you
therefore, so
thing, item
think, believe, reckon
thought, believed
tiny, small
today, this day
total, overall
totally, completely
tried, attempted
try, attempt
trying, attempting
twice, two times
understand, comprehend, grasp
understood, grasped
unable, not able
unclear, vague
unexpected, surprising, unforeseen
unfortunately, sadly, regrettably
unhappy, displeased
unknown, unfamiliar
until, till
unusual, uncommon, odd
upset, distressed
urgent, pressing
urgently, at once
use, utilise, employ
used, utilised, employed
useful, helpful, handy
using, utilising
usual, customary
usually, normally, generally
various, several
verify, confirm, check
very, really, extremely
wait, hold on
want, wish, would like
wanted, wished
way, manner
weird, strange
whole, entire
why, for what reason
wish, want
within, inside
without delay, at once
won't, will not
wonder, ask myself
wonderful, marvellous
wondering, asking myself
work, function
working, functioning
works, functions
worried, concerned, anxious
worry, concern
would, might
wrong, incorrect, mistaken
wrongly, incorrectly
"""


def common_synonyms() -> dict[str, list[str]]:
    """Word to other words for it, from the list that comes with the program.

    The first word of a line is what is replaced; the others need not be replaced by it.
    """
    found: dict[str, list[str]] = {}
    for line in _GROUPS.strip().splitlines():
        word, *others = (part.strip() for part in line.split(","))
        if " " not in word:
            known = found.setdefault(word, [])
            known += [other for other in others if other not in known]
    return found


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """A person's own list: on each line words that mean the same, with commas between them.

    Every word of a line may take the place of every other. Empty lines and lines that begin with
    `#` are left out.

    Raises:
        ConfigError: when the file cannot be read.
        DataError: when a line names fewer than two words, or nothing is in the file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            "the list of synonyms cannot be read",
            file=path,
            field="synonyms",
            found=str(problem),
            expected="UTF-8 text with words that mean the same on each line",
            fix="correct the path, or leave it out: there is a list for English",
        ) from problem
    found: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        words = list(dict.fromkeys(word.strip().lower() for word in line.split(",")))
        if len(words) < 2 or not all(words):
            raise DataError(
                "a line names fewer than two words",
                file=path,
                row=number,
                found=line.strip(),
                expected="words that mean the same, as in `parcel, package`",
                fix="add another word behind a comma, or take the line out",
            )
        _add(found, words)
    if not found:
        raise DataError(
            "the list of synonyms is empty",
            file=path,
            expected="words that mean the same on each line, as in `parcel, package`",
            fix="add lines, or leave the list out: there is one for English",
        )
    return found


def _add(found: dict[str, list[str]], words: Iterable[str]) -> None:
    listed = list(words)
    for word in listed:
        known = found.setdefault(word, [])
        known += [other for other in listed if other != word and other not in known]
