"""What make_contacts.py draws from: names in the scripts of their owners, cities, number ranges."""

# Names are `as written/in Latin letters`; the second half is left out where it follows from the first.
NAMES = {
    "arabic": {
        "locale": "ar-{}",
        "men": "محمد/Mohammed أحمد/Ahmed خالد/Khalid سعيد/Saeed عبدالله/Abdullah فيصل/Faisal يوسف/Yousef عمر/Omar حمد/Hamad طارق/Tariq كريم/Karim مصطفى/Mustafa سلطان/Sultan راشد/Rashid".split(),
        "women": "فاطمة/Fatima مريم/Mariam نورة/Noura عائشة/Aisha سارة/Sara ليلى/Layla هند/Hind ريم/Reem دانة/Dana منى/Mona ياسمين/Yasmin شيخة/Sheikha هدى/Huda".split(),
        "last": "المنصوري/AlMansoori الهاشمي/AlHashimi الشامسي/AlShamsi القحطاني/AlQahtani العتيبي/AlOtaibi الحربي/AlHarbi الزهراني/AlZahrani السويدي/AlSuwaidi الكتبي/AlKetbi حسن/Hassan إبراهيم/Ibrahim عبدالرحمن/Abdelrahman منصور/Mansour النجار/AlNajjar الفارسي/AlFarsi خليل/Khalil".split(),
    },
    "arabic_latin": {
        "locale": "en-{}",
        "men": "Mohammed Ahmed Khalid Saeed Abdullah Faisal Yousef Omar Hamad Tariq Karim Ziad Nasser Majid".split(),
        "women": "Fatima Mariam Noura Aisha Sara Layla Hind Reem Dana Mona Salma Amal Rania".split(),
        "last": "Al-Mansoori Al-Hashimi Al-Shamsi Al-Qahtani Haddad Khoury Nasser Sabbagh Darwish Fares Saleh Barakat".split(),
    },
    "hindi": {
        "locale": "hi-IN",
        "men": "राहुल/Rahul अमित/Amit विजय/Vijay संजय/Sanjay अर्जुन/Arjun रोहित/Rohit सुरेश/Suresh अनिल/Anil मनोज/Manoj दीपक/Deepak".split(),
        "women": "प्रिया/Priya अनीता/Anita सुनीता/Sunita पूजा/Pooja नेहा/Neha कविता/Kavita दिव्या/Divya मीना/Meena रेखा/Rekha आशा/Asha".split(),
        "last": "शर्मा/Sharma वर्मा/Verma गुप्ता/Gupta सिंह/Singh पटेल/Patel मिश्रा/Mishra जोशी/Joshi यादव/Yadav कुमार/Kumar चौहान/Chauhan".split(),
    },
    "indian_latin": {
        "locale": "en-{}",
        "men": "Rahul Amit Vijay Sanjay Arjun Rohit Suresh Karthik Imran Thomas Vikram Naveen Harish Joseph".split(),
        "women": "Priya Anita Lakshmi Pooja Neha Kavitha Divya Meera Ayesha Sneha Anjali Deepa Shalini".split(),
        "last": "Sharma Nair Menon Iyer Reddy Pillai Khan Fernandes D'Souza Kurian Chatterjee Banerjee Rao Shetty Mehta".split(),
    },
    "russian": {
        "locale": "ru-{}",
        "men": "Александр/Aleksandr Дмитрий/Dmitry Сергей/Sergey Андрей/Andrey Алексей/Alexey Иван/Ivan Михаил/Mikhail Николай/Nikolay Павел/Pavel Фёдор/Fedor".split(),
        "women": "Анна/Anna Мария/Maria Елена/Elena Ольга/Olga Наталья/Natalia Екатерина/Ekaterina Татьяна/Tatiana Юлия/Yulia Ксения/Ksenia Дарья/Daria".split(),
        "last": "Иванов/Ivanov Смирнов/Smirnov Кузнецов/Kuznetsov Попов/Popov Соколов/Sokolov Лебедев/Lebedev Новиков/Novikov Морозов/Morozov Волков/Volkov Соловьёв/Solovyov Голубев/Golubev Никитин/Nikitin".split(),
        "woman": ("а", "a"),
    },
    "serbian_cyrillic": {
        "locale": "sr-Cyrl-RS",
        "men": "Никола/Nikola Марко/Marko Лука/Luka Стефан/Stefan Милош/Milos Душан/Dusan Ђорђе/Djordje Љубомир/Ljubomir".split(),
        "women": "Милица/Milica Јелена/Jelena Ана/Ana Марија/Marija Тијана/Tijana Снежана/Snezana Љиљана/Ljiljana Невена/Nevena".split(),
        "last": "Јовановић/Jovanovic Петровић/Petrovic Николић/Nikolic Марковић/Markovic Ђорђевић/Djordjevic Стојановић/Stojanovic Илић/Ilic Живковић/Zivkovic".split(),
    },
    "serbian_latin": {
        "locale": "sr-Latn-RS",
        "men": "Nikola Marko Luka Stefan Miloš Dušan Đorđe Željko Vuk".split(),
        "women": "Milica Jelena Ana Marija Tijana Snežana Ljiljana Živka Nađa".split(),
        "last": "Jovanović Petrović Nikolić Marković Đorđević Stojanović Ilić Živković Šarić Čolić".split(),
    },
    "english": {
        "locale": "en-{}",
        "men": "James Oliver George Harry William Michael David Daniel Liam Ethan Noah Samuel Séamus".split(),
        "women": "Olivia Amelia Emily Sophie Charlotte Emma Grace Chloë Zoë Hannah Abigail Madison Siobhán".split(),
        "last": "Smith Jones Taylor Brown Wilson O'Connor Walker Wright Robinson Thompson Clarke Murphy Anderson Johnson Williams Davis Garcia Lee Nguyen St.John".split(),
    },
    "german": {
        "locale": "de-DE",
        "men": "Jürgen Björn Lukas Felix Jonas Matthias Günter Sören Paul Karl-Heinz".split(),
        "women": "Käthe Anna Lena Sophie Jördis Ursula Heike Katrin Mia Bärbel".split(),
        "last": "Müller Schmidt Schneider Fischer Weber Meyer Schäfer Köhler Groß Weiß Böhm Krüger Lang Jäger".split(),
    },
    "french": {
        "locale": "fr-FR",
        "men": "Jean-Luc Pierre François Étienne Loïc Rémi Théo Hugo Benoît Aurélien".split(),
        "women": "Élodie Chloé Françoise Léa Zoé Hélène Anaïs Camille Noémie Béatrice".split(),
        "last": "Lefèvre Martin Dubois Durand Moreau Girard Bonnet Gauthier Hébert Desprès D’Amico Côté Guérin".split(),
    },
    "portuguese": {
        "locale": "pt-BR",
        "men": "João José Antônio Luís Caio Thiago Estêvão Gabriel Rafael".split(),
        "women": "Conceição Inês Júlia Lívia Beatriz Letícia Luísa Mônica Érica".split(),
        "last": "Silva Santos Gonçalves Araújo Magalhães Conceição Simões Falcão Assunção Lima".split(),
    },
}

# `ranges`: E.164, `#` is any digit; those of US, CA, GB, DE and FR are set aside for fiction by their regulators.
# `groups`: how people group the digits after the country code. Cities: name, time zone, postal code.
COUNTRIES = {
    "AE": {
        "weight": 38,
        "calling": "971",
        "groups": (2, 3, 4),
        "ranges": [f"+971{net}000####" for net in (50, 52, 54, 55, 56, 58)],
        "cultures": {"arabic": 28, "arabic_latin": 18, "indian_latin": 24, "english": 12, "russian": 10, "hindi": 4, "french": 2, "serbian_latin": 2},
        "cities": [(city, "Asia/Dubai", "") for city in ("Dubai", "دبي", "Abu Dhabi", "أبوظبي", "Sharjah", "Ajman", "Al Ain", "Ras Al Khaimah")],
    },
    "IN": {
        "weight": 14,
        "calling": "91",
        "groups": (5, 5),
        "ranges": [f"+91{net}0000####" for net in (98, 97, 90)],
        "cultures": {"hindi": 45, "indian_latin": 55},
        "cities": [
            ("मुंबई", "Asia/Kolkata", "4000##"), ("Mumbai", "Asia/Kolkata", "4000##"), ("दिल्ली", "Asia/Kolkata", "1100##"),
            ("Bengaluru", "Asia/Kolkata", "5600##"), ("Kochi", "Asia/Kolkata", "6820##"), ("जयपुर", "Asia/Kolkata", "3020##"),
        ],
    },
    "SA": {
        "weight": 10,
        "calling": "966",
        "groups": (2, 3, 4),
        "ranges": [f"+966{net}000####" for net in (50, 53, 54, 55, 56, 59)],
        "cultures": {"arabic": 85, "arabic_latin": 15},
        "cities": [("الرياض", "Asia/Riyadh", "11###"), ("جدة", "Asia/Riyadh", "21###"), ("Dammam", "Asia/Riyadh", "31###")],
    },
    "RU": {
        "weight": 8,
        "calling": "7",
        "groups": (3, 3, 2, 2),
        "ranges": ["+7900000####", "+7999000####"],
        "cultures": {"russian": 100},
        "cities": [
            ("Москва", "Europe/Moscow", "10####"), ("Санкт-Петербург", "Europe/Moscow", "19####"), ("Казань", "Europe/Moscow", "4200##"),
            ("Екатеринбург", "Asia/Yekaterinburg", "6200##"), ("Новосибирск", "Asia/Novosibirsk", "6300##"), ("Владивосток", "Asia/Vladivostok", "6900##"),
        ],
    },
    "RS": {
        "weight": 7,
        "calling": "381",
        "groups": (2, 3, 4),
        "ranges": ["+38160000####", "+38164000####", "+38163000####"],
        "cultures": {"serbian_latin": 60, "serbian_cyrillic": 40},
        "cities": [("Beograd", "Europe/Belgrade", "110##"), ("Београд", "Europe/Belgrade", "110##"), ("Novi Sad", "Europe/Belgrade", "210##"), ("Ниш", "Europe/Belgrade", "180##"), ("Čačak", "Europe/Belgrade", "320##")],
    },
    "GB": {
        "weight": 6,
        "calling": "44",
        "groups": (4, 3, 3),
        "ranges": ["+441134960###", "+441214960###", "+441314960###", "+441614960###", "+442079460###"],
        "cultures": {"english": 80, "indian_latin": 15, "arabic_latin": 5},
        "cities": [("London", "Europe/London", "EC1A 1BB"), ("Manchester", "Europe/London", "M1 #AE"), ("Leeds", "Europe/London", "LS1 #BA"), ("Edinburgh", "Europe/London", "EH1 #YZ")],
    },
    "US": {
        "weight": 5,
        "calling": "1",
        "groups": (3, 3, 4),
        "ranges": [f"+1{area}55501##" for area in (202, 212, 213, 305, 312, 415, 512, 617, 702)],
        "cultures": {"english": 85, "indian_latin": 10, "arabic_latin": 5},
        "cities": [("New York", "America/New_York", "100##"), ("Chicago", "America/Chicago", "606##"), ("Austin", "America/Chicago", "787##"), ("Denver", "America/Denver", "802##"), ("San José", "America/Los_Angeles", "951##"), ("Honolulu", "Pacific/Honolulu", "968##")],
    },
    "CA": {
        "weight": 1,
        "calling": "1",
        "groups": (3, 3, 4),
        "ranges": ["+141655501##", "+151455501##", "+160455501##"],
        "cultures": {"english": 100},
        "cities": [("Toronto", "America/Toronto", "M5V #T6"), ("Montréal", "America/Toronto", "H2Y #C6"), ("Vancouver", "America/Vancouver", "V6B #A1")],
    },
    "DE": {
        "weight": 4,
        "calling": "49",
        "groups": (3, 4, 4),
        "ranges": ["+4917139200##", "+49176040690##", "+493023125###", "+494066969###", "+496990009###", "+498999998###"],
        "cultures": {"german": 95, "english": 5},
        "cities": [("Berlin", "Europe/Berlin", "101##"), ("München", "Europe/Berlin", "803##"), ("Köln", "Europe/Berlin", "506##"), ("Düsseldorf", "Europe/Berlin", "402##")],
    },
    "FR": {
        "weight": 3,
        "calling": "33",
        "groups": (1, 2, 2, 2, 2),
        "ranges": ["+3319900####", "+3326191####", "+3335301####", "+3346571####", "+3353649####"],
        "cultures": {"french": 95, "arabic_latin": 5},
        "cities": [("Paris", "Europe/Paris", "750##"), ("Saint-Étienne", "Europe/Paris", "420##"), ("Nîmes", "Europe/Paris", "300##"), ("Orléans", "Europe/Paris", "450##")],
    },
    "BR": {
        "weight": 2,
        "calling": "55",
        "groups": (2, 5, 4),
        "ranges": ["+551190000####", "+552190000####"],
        "cultures": {"portuguese": 100},
        "cities": [("São Paulo", "America/Sao_Paulo", "010##-000"), ("Brasília", "America/Sao_Paulo", "700##-000"), ("Manaus", "America/Manaus", "690##-000")],
    },
    "EG": {
        "weight": 2,
        "calling": "20",
        "groups": (2, 4, 4),
        "ranges": ["+20100000####", "+20120000####"],
        "cultures": {"arabic": 85, "arabic_latin": 15},
        "cities": [("القاهرة", "Africa/Cairo", "115##"), ("الإسكندرية", "Africa/Cairo", "215##"), ("Giza", "Africa/Cairo", "125##")],
    },
}

MAIL_DOMAINS = {"example.com": 50, "example.org": 15, "example.net": 15, "mail.example": 12, "posta.example": 5, "почта.example": 1}
FIRMS = "palm-travel.example blue-oasis.example nordic-tools.example sava-hotels.example lotus-foods.example example.com".split()

BAD_PHONES = [
    "n/a", "-", "12345", "050 123", "+971 50 12", "call the office", "+999 123 456 789", "050-ABC-1234", "9.71502E+11",
    "0501234567 / 0557654321", "+1 555", "00000000000", "+44 7", "+91 98 12",
]
BAD_EMAILS = ["{}@", "{}.example.com", "{} @example.com", "{}@@example.org", "{}@example", "@example.net", "{}@example..com", "{}@exam ple.com", "{},other@example.com", "mailto:{}"]
