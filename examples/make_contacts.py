"""Writes contacts.csv: 5,000 invented people that look like a real export, always the same ones.

    python3 examples/make_contacts.py > examples/contacts.csv

About 2 % of the phones and of the e-mail addresses are bad, some people have only one of them, about 2 % are in it twice
(the same address written otherwise under another id), and about 1.5 % have opted out of a channel or of ALL.
Addresses end in names reserved for examples (RFC 2606). Phones are from ranges set aside for fiction in the United States,
Canada, the United Kingdom, Germany and France; other countries have none that also count as valid, so theirs are valid
numbers from blocks full of zeros: meant for the sandbox, never to be dialled.
"""

import csv
import datetime
import random
import sys
import unicodedata

from contacts_data import BAD_EMAILS, BAD_PHONES, COUNTRIES, FIRMS, MAIL_DOMAINS, NAMES

COLUMNS = "external_id name email phone locale timezone role city postal_code plan last_order opted_out".split()
COUNT = 5_000
SEED = 20_261_101
LAST_DAY = datetime.date(2026, 10, 31)

# Chances, each of one row.
NO_PHONE, NO_EMAIL, BAD_PHONE, BAD_EMAIL, TWICE, OPTED_OUT, PARTNER = 0.10, 0.07, 0.02, 0.02, 0.02, 0.015, 0.11

ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
LATIN = str.maketrans({"ß": "ss", "đ": "dj", "Đ": "Dj", "ø": "o", "ł": "l", "’": "", "'": "", " ": "."})


class Maker:
    def __init__(self):
        self.random = random.Random(SEED)
        self.numbers = set()
        self.mailboxes = set()

    def chance(self, probability):
        return self.random.random() < probability

    def pick(self, weighted):
        """One key of a dict of weights."""
        return self.random.choices(list(weighted), list(weighted.values()))[0]

    def rows(self):
        people = []
        for number in range(1, COUNT + 1):
            if people and self.chance(TWICE):
                yield self.again(self.random.choice(people), number)
                continue
            person = self.person(number)
            # Only good addresses can be found twice.
            if person["good"]:
                people.append(person)
            yield person

    def person(self, number):
        code = self.pick({code: country["weight"] for code, country in COUNTRIES.items()})
        country = COUNTRIES[code]
        culture = self.pick(country["cultures"])
        name, latin = self.name(culture)
        city, timezone, postal = self.random.choice(country["cities"])
        partner = self.chance(PARTNER)
        email, phone, good = self.email(latin, partner), self.phone(country), True
        if self.chance(BAD_EMAIL):
            email, good = self.random.choice(BAD_EMAILS).format(latin.split(".")[0]), False
        elif self.chance(NO_EMAIL):
            email = ""
        if self.chance(BAD_PHONE):
            phone, good = self.random.choice(BAD_PHONES), False
        elif self.chance(NO_PHONE):
            phone = ""
        return {
            "external_id": f"C-{number:05}",
            "name": name,
            "email": email,
            "phone": self.written(phone, country),
            "locale": NAMES[culture]["locale"].format(code),
            "timezone": timezone,
            "role": "partner" if partner else "customer",
            "city": city,
            "postal_code": self.digits(postal),
            "plan": self.pick({"free": 50, "plus": 30, "pro": 15, "business": 5}),
            "last_order": self.last_order(),
            "opted_out": self.opted_out(email, phone) if good else "",
            "good": good and bool(email or phone),
            "number": phone,
            "country": country,
        }

    def again(self, person, number):
        """The same person as another system knows them: one address the same but written otherwise."""
        copy = {**person, "external_id": f"{self.random.choice(['WEB', 'SHOP', 'CRM'])}-{number:05}", "opted_out": ""}
        copy["last_order"] = self.last_order()
        if person["email"] and (not person["number"] or self.chance(0.5)):
            local, domain = person["email"].split("@")
            copy["email"] = self.random.choice([f"{local.title()}@{domain}", f"{local}@{domain.upper()}", person["email"].upper()])
            copy["phone"] = copy["number"] = ""
        else:
            copy["phone"] = self.written(person["number"], person["country"], unlike=person["phone"])
            copy["email"] = ""
        return copy

    def name(self, culture):
        """The name as its owner writes it, and in the letters of a mailbox."""
        names = NAMES[culture]
        woman = self.chance(0.5)
        first, last = self.random.choice(names["women" if woman else "men"]), self.random.choice(names["last"])
        native, latin = ([*pair, pair[0]][:2] for pair in (first.split("/"), last.split("/")))
        shown, plain = [first.split("/")[0], last.split("/")[0]], [native[1], latin[1]]
        if woman and (ending := names.get("woman")):
            shown[1], plain[1] = shown[1] + ending[0], plain[1] + ending[1]
        return " ".join(shown), to_ascii(".".join(plain))

    def email(self, latin, partner):
        first, _, last = latin.partition(".")
        last = last.replace(".", "").replace("-", "")
        forms = [f"{first}.{last}", f"{first}{last}", f"{first[0]}.{last}", f"{last}.{first}", f"{first}_{last}", f"{first}.{last}"]
        for _ in range(1000):
            local = self.random.choice(forms) + self.random.choice(["", "", str(self.random.randrange(1, 100)), str(self.random.randrange(1960, 2008))])
            address = f"{local}@{self.random.choice(FIRMS) if partner else self.pick(MAIL_DOMAINS)}"
            if address not in self.mailboxes:
                self.mailboxes.add(address)
                return address
        raise AssertionError("the mailboxes have run out")

    def phone(self, country):
        """A new number, in E.164; `#` in a range stands for any digit."""
        for _ in range(1000):
            number = self.digits(self.random.choice(country["ranges"]))
            if number not in self.numbers:
                self.numbers.add(number)
                return number
        raise AssertionError("the numbers have run out")

    def written(self, number, country, unlike=None):
        """As people type it. What isn't E.164 is a bad number and stays as it is."""
        if not number.startswith("+") or " " in number or not number[1:].isdigit():
            return number
        code, rest = country["calling"], number[1 + len(country["calling"]):]
        groups = grouped(rest, country["groups"])
        forms = [number, number, f"+{code} {' '.join(groups)}", f"+{code}-{'-'.join(groups)}", f"00{code}{rest}", f"00{code} {' '.join(groups)}"]
        if code == "971":
            forms += [f"0{rest}", f"0{rest}", f"0{' '.join(groups)}", f"0{groups[0]}-{''.join(groups[1:])}", rest, f"{code}{rest}"]
            forms += [f"(0{groups[0]}) {' '.join(groups[1:])}", f"+971 (0) {' '.join(groups)}", f"0{rest}".translate(ARABIC_DIGITS)]
        elif code == "1":
            forms += [f"+1 ({groups[0]}) {'-'.join(groups[1:])}", f"+1.{'.'.join(groups)}"]
        elif code in ("44", "49"):
            forms.append(f"+{code} (0){' '.join(groups)}")
        return self.random.choice([form for form in forms if form != unlike])

    def digits(self, pattern):
        return "".join(str(self.random.randrange(10)) if c == "#" else c for c in pattern)

    def last_order(self):
        if self.chance(0.25):
            return ""
        # Most have ordered lately.
        return str(LAST_DAY - datetime.timedelta(days=int(self.random.random() ** 2 * 720)))

    def opted_out(self, email, phone):
        if not self.chance(OPTED_OUT):
            return ""
        return self.random.choice(["ALL"] + ["email"] * bool(email) + ["sms", "whatsapp"] * bool(phone))


def grouped(text, lengths):
    groups, at = [], 0
    for length in lengths:
        groups.append(text[at : at + length])
        at += length
    return [group for group in [*groups, text[at:]] if group]


def to_ascii(text):
    decomposed = unicodedata.normalize("NFKD", text.translate(LATIN))
    return "".join(c for c in decomposed if c.isascii()).lower()


def main():
    writer = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(Maker().rows())


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    main()
