"""The section of ``docs/claims.md`` on births, moves and deaths, and on what is decided later."""

from __future__ import annotations

from collections.abc import Callable

from contracts.settlement import move_record, recovery_record

_NEWBORN = """## Births, moves and deaths

### Newborns (新生儿)

A child has no number on its first day. The mother's home bureau registers it under her by the
certificate of birth (`newborn.register`), with the pseudonym that it will be enrolled by. Until
then hospitals settle its care under the mother and name the child in the attachment (`newborn`):
her policy, her filing, her deductible. The registration lasts as long as the area says (parameter
`newborn`, 90 days) and lapses by itself; what was settled stays as it is.

Enrolled in time (`enrolment.enrol`), the child is covered from birth: a first insured period that
begins later is refused (`newborn.cover`). The answer lists the settlements under the mother. Each
is decided again on the child by `claim.resettle` with the reason `newborn`: both funds, the
mother's account and counters have back what they gave, her filing covers the child too, and the
difference is told payer by payer. Bills that were paid first are reimbursed to the child, once it
is enrolled. `yibao newborn show CHILD` shows where it stands.
"""

_ENDING = """### The end of an enrolment

`enrolment.close` ends an enrolment with its last day: by a death, a move or because it was a
mistake. In the same call the person's filings are cancelled from the day after on, consents to
commercial products and what relatives allowed end, and the answer lists what goes on: open stays,
a bank's holds, wallet transfers on their way. Care up to the last day still settles, by the filing,
the policy and the relatives' limits of its own dates. Asked again with a corrected day, the same is
done for that day. `yibao person ending PERSON` shows all of it.

### Heirs (继承)

The home bureau registers a dead person's heirs by token, relation and share (`estate.register`);
names stay in its own registry. Another person divides what account and wallet hold
(`estate.divide`): each share is a payout as above, for the relation that is registered, and a
refund that comes later is paid to one of them. Shares are in ten-thousandths; they are rounded
down, the fen left over go to the first heirs, so nothing is made and nothing is lost.
"""

_MOVE = """### Transfer of insurance (关系转移接续)

The new area asks for the person (`move.ask`, by the link token), the old one agrees and names its
last day (`move.agree`), the new one completes (`move.complete`, by another person): in one call the
old enrolment ends with all that ends with it, the new one begins, and the balance of account and
wallet goes over. Until then nothing has changed and either side may give it up; nobody is insured
twice or nowhere. The answer lists open stays, holds and wallet transfers; the explanation, for both
bureaus, lists filings and recognised diseases too, to be filed or recognised anew.

* A stay that was begun is settled by the old area: its policy, its filing, its fund.
* The old area pays the new one what moved by a notice (`account:move:<move>`), like every notice.
* What comes for the old account later goes on to the new one, with a notice of its own.
* Where the new insurance has no personal account, the balance is a payout to the person.
* The year's counters begin anew, but for those that the new area's parameter `move` names; they go
  on within one scheme and benefit year.
"""

_RECOVERY = """## Recovery from a liable third party (第三人责任追偿)

Where somebody else is liable for an injury no fund pays (`claim.third-party-liable`). If that party
does not pay, or nobody knows who it is, the fund pays first and recovers (Social Insurance Law,
article 30). One person of the home bureau registers the settled claim with its grounds
(`recovery.register`; the liable party is a token), another agrees, and `claim.resettle` with the
reason `pay_first` decides the bill as if nobody else were liable; the patient has the money back at
the counter. Where the fund has paid already and somebody turns out to be liable, the grounds are
`liable_later` and nothing is decided again.

The party is asked for an amount by a day (`recovery.demand`), at most what the funds pay; the named
bank reports what comes (`recovery.receive`), in parts if need be. Each part returns to the fund
that paid last, so no fund ever has more than it gave; what goes back to its sender undoes it
(`recovery.give_back`). The rest is given up with a reason (`recovery.close`) and may be demanded
again. A settlement that money is demanded for, or has come back of, is not taken back
(`recovery.under-way`), and no audit takes the same money from the institution.

When all that the funds paid has come, the year's counters have back what the settlement used up,
but for the admission, and later settlements are listed for re-pricing; the area's parameter
`recovery` may say `never`. `yibao recovery queue` lists what a bureau took up and has to go on
with, demands by their day, and says which are overdue. `yibao recovery show`, `yibao trace`, the
claim's record and its printed
statement show how far it is.
"""

_AGAIN = """## Reimbursements decided again (重新核定)

A late filing, or counters that were fed late, may change what was paid to somebody who paid first.
`yibao filing affected` lists such reimbursements beside the claims, and `yibao reimburse again`
has the home bureau's checker decide one on what is known now, from the filing call as it was, byte
for byte, and on the year's counters as they were. Who reviewed it does not. What the funds owe more
is posted and paid by another person's order and a bank; a decision that would give less is refused
(`reimbursement.not-more`) and changes nothing. Later settlements of the year are listed for
re-pricing.
"""


def section(methods_of: Callable[[str], str]) -> str:
    """The section, with the calls of its contracts."""
    return (
        f"{_NEWBORN}\n{methods_of('newborn')}\n{_ENDING}\n{methods_of('estate')}\n{_MOVE}\n```mermaid\n"
        f"{move_record.mermaid()}```\n\n{methods_of('move')}\n"
        f"{_RECOVERY}\n```mermaid\n{recovery_record.mermaid()}```\n\n{methods_of('recovery')}\n"
        f"{_AGAIN}"
    )
