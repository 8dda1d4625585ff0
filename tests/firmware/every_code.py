"""Puts generated and spoilt codes through the real `gate-firmware parse` and says what it made wrong of them: `make codes`.

Every kind of code 2 000 times, to the letter; health passes of keys made on the spot, ES256 and PS256, trusted, unknown, forged, with and
without a known time; 10 000 spoilt codes, half of them with an impossible date (perhaps half covered by `*`) or a wrong length that must be
refused.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from province.demo.synthetic_codes import CodeForm, SyntheticCode, synthetic_codes, synthetic_passes  # noqa: E402 - the path above comes first
from province.demo.synthetic_passes import Algorithm, PassIssuer, new_issuer, trust_list  # noqa: E402 - the same

NOW = datetime(2022, 6, 30, tzinfo=UTC)
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "PS256")
PEOPLES_FORMS = [form for form in CodeForm if form not in (CodeForm.SITE_CODE, CodeForm.TICKET, CodeForm.WIFI, CodeForm.OTHER)]
_SOUND_NUMBER = re.compile(r"[0-9*]{12}|[0-9*]{9}|[A-Z*][A-Z0-9*]{6,9}|[0-9]{10}", re.ASCII)


def parsed(texts: Sequence[str], *options: str) -> list[dict[str, Any]]:
    """What the command answers, one object a text."""
    lines = "".join(f"{text}\n" for text in texts).encode()
    done = subprocess.run(
        [sys.executable, "-m", "firmware", "parse", "--json", *options], input=lines, capture_output=True, cwd=ROOT, check=False
    )
    if done.returncode or done.stderr:
        raise AssertionError(f"gate-firmware parse: exit code {done.returncode}: {done.stderr.decode()[-500:]}")
    answers = [json.loads(line) for line in done.stdout.decode("ascii").splitlines()]
    if len(answers) != len(texts):
        raise AssertionError(f"{len(texts)} codes, {len(answers)} answers")
    return answers


def misread(codes: Sequence[SyntheticCode], *options: str) -> list[tuple[SyntheticCode, dict[str, Any]]]:
    """The codes whose answer is not their meaning, to the letter."""
    wrong = []
    for code, answer in zip(codes, parsed([code.text for code in codes], *options), strict=True):
        nobody = len(code.meaning) == 1
        if (answer["kind"] if nobody else answer) != (code.meaning["kind"] if nobody else code.meaning):
            wrong.append((code, answer))
        elif nobody and not set(answer) <= {"kind", "message", "error"}:
            wrong.append((code, answer))  # it says more than it may
    return wrong


def misjudged_passes(count: int, folder: Path) -> Iterator[tuple[str, int]]:
    """Each situation of a pass with how many of `count` were answered wrongly."""
    now_ms = round(NOW.timestamp() * 1000)
    for algorithm in ALGORITHMS:
        ours, stranger = (new_issuer(algorithm, "VN", NOW - timedelta(days=300)) for _ in range(2))
        trusted = folder / f"{algorithm}.json"
        trusted.write_text(json.dumps(trust_list(ours)), encoding="utf-8")
        at = ("--trust", str(trusted), "--at", NOW.isoformat())
        codes = synthetic_passes(ours, count, now_ms)
        yield f"pass, {algorithm}, valid, expired and early", len(misread(codes, *at))
        for told, options, texts, nameless in (
            ("clock-unknown", at[:2], codes, False),
            ("issuer-unknown", at, synthetic_passes(stranger, count, now_ms), True),
            ("issuer-unknown", (), codes, True),
            (
                "bad-signature",
                at,
                synthetic_passes(PassIssuer("VN", algorithm, stranger.private_key, ours.certificate), count, now_ms),
                True,
            ),
        ):
            meanings = [{**code.meaning, "answer": told, **({"name": None, "birth_date": None} if nameless else {})} for code in texts]
            changed = [SyntheticCode(code.text, meaning) for code, meaning in zip(texts, meanings, strict=True)]
            yield f"pass, {algorithm}, {told}{'' if options else ' without a list'}", len(misread(changed, *options))


def impossible(text: str, chance: random.Random) -> str:
    """A person's code with a date that no calendar has, or a number of a wrong length."""
    fields = text.split("|")
    if chance.random() < 0.4:
        fields[0] = f"{fields[0]:0<40}"[: chance.choice((1, 3, 5, 11, 13, 14, 16, 40))]  # lengths that no number has
        return "|".join(fields)
    year, month, day = chance.choice(
        (("1999", "02", "29"), ("1987", "02", "31"), ("2001", "04", "31"), ("1990", "13", "01"), ("1990", "00", "10"), ("1990", "10", "00"),
         ("9999", "99", "**"), ("1987", "9*", "18"), ("1987", "02", "3*"), ("2**1", "02", "29"), ("17**", "01", "**"), ("19**", "**", "00"),
         ("0000", "01", "01"), ("9999", "12", "31"), ("1849", "12", "31"), ("1990", "1", "1"), ("199O", "01", "01"), ("١٩٩٠", "01", "01"))
    )  # fmt: skip
    place, born = {5: (2, f"{year}-{month}-{day}")}.get(len(fields) - 1, (3, f"{day}{month}{year}"))
    if text.endswith("$"):
        place, born = 2, f"{day}/{month}/{year}"
    fields[place] = born
    return "|".join(fields)


def half_hidden(text: str, chance: random.Random) -> str:
    """A person's code with digits of its dates changed or covered."""
    return "|".join(
        re.sub("[0-9]", lambda digit: chance.choice((digit[0], digit[0], "*", chance.choice("0123456789"))), field)
        if place in (2, 3)
        else field
        for place, field in enumerate(text.split("|"))
    )


def spoilt(text: str, chance: random.Random) -> str:
    """A code with a few characters changed, lost, doubled or put in."""
    letters = list(text)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(letters)) if letters else 0
        letters[at : at + chance.randint(0, 2)] = chance.choice(
            ("", "0", "9", "|", "*", "<", "$", "-", "/", "\x1b", "ữ", "\u202e", "٣", "A", text[at : at + 9])
        )
    return "".join(letters)


def is_sound(text: str, answer: dict[str, Any]) -> bool:
    """Whether a person may have been read from a text, judged without any of the project's code."""
    fields = text.replace("\ufeff", "").split("|")
    number, born = str(answer["id_number"]), answer["birth_date"]
    if _SOUND_NUMBER.fullmatch(number) is None or not str(answer["name"]).strip():
        return False
    match answer["scheme"]:
        case "cccd":
            return number == fields[0].strip() and len(number) == 12 and born == _day(fields[3], "%d%m%Y", 8)
        case "bhyt":
            card = fields[0].strip().upper()
            year_alone = len(fields[2].strip()) == 4 and born == fields[2].strip()
            return len(card) in (10, 12, 15) and card.endswith(number) and (year_alone or born == _day(fields[2], "%d/%m/%Y", 10))
        case _:
            return (
                len(fields) == 6
                and number == fields[0].strip().upper()
                and (born == _day(fields[2], "%Y-%m-%d", 10) if "*" not in fields[2] else born is None and _may_be_day(fields[2].strip()))
            )


def _day(text: str, form: str, length: int) -> str | None:
    text = text.strip()
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).date().isoformat() if len(text) == length and text.isascii() else "none"
    except ValueError:
        return "none"


_ALL_DAYS = "".join(f"{date.fromordinal(day)}\n" for day in range(date(1850, 1, 1).toordinal(), date(2101, 1, 1).toordinal()))


def _may_be_day(text: str) -> bool:
    return not text.strip("*") or re.search("^" + re.escape(text).replace(r"\*", "[0-9]") + "$", _ALL_DAYS, re.MULTILINE) is not None


def wrongly_accepted(count: int, seed: int = 1) -> tuple[list[str], list[str]]:
    """Impossible codes that were accepted all the same, and spoilt ones that were accepted as someone impossible."""
    chance = random.Random(seed)
    good = [code.text for form in PEOPLES_FORMS for code in synthetic_codes(form, 300, seed)]
    must_refuse = [impossible(chance.choice(good), chance) for _ in range(count // 2)]
    spoilers = (spoilt, spoilt, half_hidden)
    anything = [chance.choice(spoilers)(chance.choice(good), chance).replace("\n", "") for _ in range(count - count // 2)]
    accepted = [text for text, answer in zip(must_refuse, parsed(must_refuse), strict=True) if answer["kind"] != "unknown"]
    unsound = [
        text for text, answer in zip(anything, parsed(anything), strict=True) if answer["kind"] == "person" and not is_sound(text, answer)
    ]
    return accepted, unsound


def main() -> int:
    """Prints a line for each kind; exit code 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="codes of each kind (default: 2000)")
    parser.add_argument("--mutations", type=int, default=10_000, help="spoilt codes (default: 10000)")
    args = parser.parse_args()
    results = [(str(form), args.count, len(misread(synthetic_codes(form, args.count)))) for form in CodeForm]
    with tempfile.TemporaryDirectory() as folder:
        results += [(name, args.count, wrong) for name, wrong in misjudged_passes(args.count, Path(folder))]
    accepted, unsound = wrongly_accepted(args.mutations)
    results.append(("impossible date or length, accepted", args.mutations // 2, len(accepted)))
    results.append(("spoilt, accepted as someone impossible", args.mutations - args.mutations // 2, len(unsound)))
    print(f"{'codes':48} {'tried':>6} {'wrong':>6}")
    for name, count, wrong in results:
        print(f"{name:48} {count:>6} {wrong:>6}")
    return 1 if any(wrong for _, _, wrong in results) else 0


if __name__ == "__main__":
    sys.exit(main())
