"""Trouble in a single text: wrong encodings, invisible characters, secrets, numbers with a right checksum."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Trouble = tuple[str, str, str]
"""Rule without its room, message, hint."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f]")
# UTF-8 read as Windows-1252: a letter that stands for a first byte, and what stands for the bytes behind it.
_MISREAD = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{1,3}"
)
_TELLING = "\u00c2\u00c3\u00e2\u00f0"  # what accented letters, quotes and emoji become; others are chance when alone
_INVISIBLE = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_SECRETS = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82})\b",
    "a Slack token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a JSON web token": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
}
_SECRET = re.compile("|".join(f"({pattern})" for pattern in _SECRETS.values()))
_CARD = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w])")
# Visa, Mastercard, American Express, Discover, JCB: what ISO/IEC 7812 gives their issuers, as the networks publish it.
_ISSUER = re.compile(r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|35\d{14}")
_IBAN = re.compile(r"\b([A-Z]{2})\d{2}(?: ?[A-Z0-9]{2,4}){3,8}")
# Country and length, from the IBAN registry of SWIFT (ISO 13616), as known on 2026-11-21.
_IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d\d)",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 "
        "FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 "
        "LU20 LV21 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 "
        "SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20",
    )
}
_MASK = "mask it: what a model has learnt, it may repeat"


def troubles(text: str, *, sql: bool) -> Iterator[Trouble]:
    """What is odd in one text: each rule once, with the place of the first character, never with the text itself.

    Args:
        text: A text of a record.
        sql: Whether it is SQL, or what SQL answers.
    """
    if found := _CONTROL.search(text):
        yield "control", f"the control character U+{ord(found[0]):04X} at character {found.start() + 1}", "take it out"
    if not text.isascii():
        yield from _foreign(text, sql=sql)
    if found := _SECRET.search(text):
        kind = list(_SECRETS)[(found.lastindex or 1) - 1]
        if not found[0].endswith("EXAMPLE"):  # the keys of AWS's own documentation
            yield "secret", f"{kind} at character {found.start() + 1}", "revoke it and take it out of the data"
    for found in _CARD.finditer(text):
        if _is_card(re.sub("[ -]", "", found[0])):
            yield "personal", f"a card number at character {found.start() + 1}, its checksum right", _MASK
            break
    for found in _IBAN.finditer(text):
        if _is_iban(found[0].replace(" ", "")):
            yield "personal", f"an IBAN at character {found.start() + 1}, its checksum right", _MASK
            break


def _foreign(text: str, *, sql: bool) -> Iterator[Trouble]:
    misread = [each for each in _MISREAD.finditer(text) if _is_misread(each[0])]
    if misread and (len(misread) > 1 or misread[0][0][0] in _TELLING):
        found = misread[0]
        yield ("mojibake", f"characters read in the wrong encoding at character {found.start() + 1}",
               "read the source as UTF-8")  # fmt: skip
    elif "\ufffd" in text:
        yield ("mojibake", f"a character was lost (U+FFFD) at character {text.index(chr(0xFFFD)) + 1}",
               "read the source anew in its own encoding")  # fmt: skip
    if hidden := _INVISIBLE.search(text):
        yield "invisible", f"the invisible U+{ord(hidden[0]):04X} at character {hidden.start() + 1}", "take it out"
    if sql and (odd := _SPACE.search(text)):
        yield "spaces", f"U+{ord(odd[0]):04X} instead of a space at character {odd.start() + 1}", "write a space"
    if not unicodedata.is_normalized("NFC", text):
        yield "composition", "the text is not composed (NFC)", "unicodedata.normalize('NFC', text) composes it"


def _is_misread(run: str) -> bool:
    for encoding in ("cp1252", "latin-1"):
        for size in range(2, len(run) + 1):
            try:
                run[:size].encode(encoding).decode("utf-8")
            except UnicodeError:
                continue
            return True
    return False


def _is_card(digits: str) -> bool:
    """Whether a number is a card's, by its issuer and the checksum of Luhn (ISO/IEC 7812-1)."""
    if not _ISSUER.fullmatch(digits) or len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[-1::-2])) % 10 == 0


def _is_iban(text: str) -> bool:
    """Whether a text begins with an IBAN, by its country's length and the remainder of 97 (ISO 13616)."""
    length = _IBAN_LENGTHS.get(text[:2], 99)
    if len(text) < length:
        return False
    moved = text[4:length] + text[:4]
    return int("".join(str(int(character, 36)) for character in moved)) % 97 == 1
