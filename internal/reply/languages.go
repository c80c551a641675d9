package reply

// language holds what servers that do not speak English say of mailboxes, as
// fold writes it. The words are stems where the language inflects them.
//
// A new language is an entry here and a line in TestLanguages; its words for us
// (sender, block list) belong in words.go.
type language struct {
	mailbox []string // nouns a statement can be about
	other   []string // nouns that make it none about a mailbox
	absent  []string // statements: the mailbox does not exist; see absentStatements
	none    []string // the same before a noun: "kein solcher"; see absentObjects
	phrases []string // the same with its noun in it
	full    []string // statements: it has no room
	over    []string // exceeded, beside quotaNouns
	ended   []string // statements: it is out of use
}

var languages = []language{
	{ // German
		mailbox: []string{"benutzer", "benutzers", "benutzerkonto", "nutzer", "empfaenger", "empfaengers", "empfaengeradresse", "postfach", "postfachs", "konto",
			"mailkonto", "emailkonto", "mailadresse", "emailadresse", "teilnehmer", "kennung"},
		other:   []string{"domaene", "domaen", "rechner", "verbindung", "nachricht", "anmeldung", "dienst", "zertifikat", "eintrag", "passwort", "fehler", "befehl", "grund"},
		absent:  []string{"unbekannt*", "nicht bekannt", "existiert nicht", "existiert leider nicht", "nicht gefunden", "nicht vorhanden", "gibt es nicht", "ist ungueltig"},
		none:    []string{"kein solcher", "kein solches", "keine solche"},
		phrases: []string{"ungueltiger empfaenger", "ungueltige empfaengeradresse"},
		full:    []string{"voll", "ueberfuellt", "ausgelastet", "erschoepft"},
		over:    []string{"ueberschritten", "erreicht"},
		ended:   []string{"deaktiviert", "inaktiv", "geschlossen", "stillgelegt", "geloescht", "abgelaufen", "nicht mehr gueltig", "nicht mehr aktiv", "nicht mehr verfuegbar"},
	},
	{ // French
		mailbox: []string{"utilisateur", "destinataire", "adresse", "compte", "boite", "correspondant", "abonne", "usager"},
		other:   []string{"domaine", "hote", "serveur", "fichier", "connexion", "commande", "erreur", "raison"},
		absent:  []string{"n existe pas", "n existe plus", "inexistant*", "introuvable", "inconnu*", "non trouve*", "pas trouve*", "pas ete trouve*", "n est pas valide", "invalide"},
		none:    []string{"aucun", "aucune"},
		full:    []string{"pleine", "plein", "saturee"},
		over:    []string{"depasse*", "atteint"},
		ended:   []string{"desactive*", "suspendu*", "inactif", "ferme*", "resilie*", "cloture*", "supprime*", "n est plus valide", "n est plus active", "n est plus utilisee"},
	},
	{ // Spanish
		mailbox: []string{"usuario", "destinatario", "cuenta", "direccion", "buzon", "casilla", "correo"},
		other:   []string{"dominio", "servidor", "mensaje", "conexion", "contrasena", "servicio", "error", "comando", "motivo", "razon"},
		absent:  []string{"no existe", "no existen", "no encontrad*", "no fue encontrad*", "no se encontro", "no se encuentra en", "desconocid*", "inexistente", "invalido", "invalida", "no es valid*"},
		none:    []string{"no hay"},
		full:    []string{"lleno", "llena"},
		over:    []string{"excedid*", "superad*"},
		ended:   []string{"suspendid*", "desactivad*", "deshabilitad*", "inhabilitad*", "inactiv*", "cancelad*", "eliminad*", "cerrad*", "dada de baja"},
	},
	{ // Portuguese
		mailbox: []string{"conta", "endereco", "caixa", "utilizador"},
		other:   []string{"servico", "mensagem", "senha", "erro"},
		absent:  []string{"nao existe", "nao encontrad*", "nao foi encontrad*", "desconhecid*", "nao e valid*"},
		full:    []string{"cheia", "cheio", "lotada"},
		over:    []string{"atingid*"},
		ended:   []string{"desativad*", "desabilitad*", "suspens*", "inativ*", "encerrad*", "excluid*"},
	},
	{ // Italian
		mailbox: []string{"utente", "casella", "indirizzo"},
		other:   []string{"messaggio", "connessione", "servizio", "errore"},
		absent:  []string{"non esiste", "inesistente", "non trovat*", "non e stato trovat*", "sconosciut*", "non valido", "non e valid*", "non presente"},
		full:    []string{"piena", "pieno"},
		over:    []string{"superata", "superato", "esaurita", "raggiunta"},
		ended:   []string{"disabilitat*", "disattivat*", "sospes*", "chius*", "inattiv*", "scadut*", "cessat*"},
	},
	{ // Dutch
		mailbox: []string{"gebruiker", "ontvanger", "postvak", "postbus", "geadresseerde", "adres", "mailadres", "emailadres"},
		other:   []string{"domein", "bericht", "verbinding", "fout", "opdracht", "reden"},
		absent:  []string{"bestaat niet", "niet gevonden", "onbekend*", "niet bekend", "is ongeldig"},
		full:    []string{"vol"},
		over:    []string{"overschreden", "bereikt"},
		ended:   []string{"uitgeschakeld", "gedeactiveerd", "opgeheven", "opgezegd", "gesloten", "inactief", "niet meer actief", "niet meer in gebruik"},
	},
	{ // Swedish, Danish, Norwegian
		mailbox: []string{"mottagare", "mottagaren", "mottagaradress", "mottagaradressen", "postadress", "postadressen", "postadresse", "anvaendare", "anvaendaren", "brevlada", "brevladan", "postlada", "postladan", "adressen", "kontot",
			"modtager", "modtageren", "bruger", "brugeren", "postkasse", "postkassen", "kontoen",
			"mottaker", "mottakeren", "bruker", "brukeren", "postboks", "postboksen"},
		other:  []string{"domaenen", "domaenet", "domenet", "servern", "serveren", "fel", "fejl", "feil", "kommando"},
		absent: []string{"finns inte", "finns ej", "existerar inte", "hittades inte", "okaend*", "findes ikke", "eksisterer ikke", "ikke fundet", "ukendt*", "finnes ikke", "ikke funnet", "ukjent*"},
		full:   []string{"aer full", "er fuld", "er full", "fuld", "oeverfull"},
		over:   []string{"oeverskriden", "overskredet"},
		ended:  []string{"inaktiverad", "avstaengd", "avslutad", "sparrad", "deaktiveret", "lukket", "nedlagt", "deaktivert", "stengt", "avsluttet"},
	},
	{ // Finnish, Estonian
		mailbox: []string{"kaeyttaejae", "kaeyttaejaeae", "kayttaja", "kayttajaa", "vastaanottaja", "vastaanottajaa", "postilaatikko", "osoite", "osoitetta", "tili", "kasutaja", "saaja", "postkast"},
		other:   []string{"verkkotunnus", "verkkotunnusta", "palvelin", "palvelinta", "domeen", "virhe", "komento", "viga"},
		absent:  []string{"ei loeydy", "ei loydy", "ei ole olemassa", "ei tunneta", "tuntematon", "ei leitud", "ei eksisteeri", "tundmatu"},
		full:    []string{"taeynnae", "taynna", "taeis"},
		over:    []string{"ylitetty", "ylittynyt"},
		ended:   []string{"suljettu", "poistettu", "ei ole kaeytoessae"},
	},
	{ // Polish
		mailbox: []string{"uzytkownik", "uzytkownika", "odbiorca", "odbiorcy", "adresat", "adresata", "skrzynka", "skrzynki", "konta"},
		other:   []string{"domena", "domeny", "wiadomosc", "serwer", "blad", "polecenie", "powod"},
		absent:  []string{"nie istnieje", "nieznan*", "nie ma takiego", "nie ma takiej", "nie znaleziono", "nie zostal znaleziony", "nieprawidlowy"},
		full:    []string{"pelna", "przepelnion*", "zapelnion*"},
		over:    []string{"przekroczon*", "przekroczyl*"},
		ended:   []string{"nieaktywn*", "wylaczon*", "zawieszon*", "usuniet*", "dezaktywowan*"},
	},
	{ // Czech, Slovak
		mailbox: []string{"uzivatel", "uzivatele", "prijemce", "adresat", "schranka", "schranky", "ucet", "adresa", "pouzivatel", "prijemca"},
		other:   []string{"chyba", "prikaz", "zprava", "sprava", "certifikat"},
		absent:  []string{"neexistuje", "neznam*", "nenalezen*", "nebyl nalezen*", "nebol najdeny", "neplatn*"},
		full:    []string{"plna", "preplnen*", "zaplnen*"},
		over:    []string{"prekrocen*", "prekrocila"},
		ended:   []string{"deaktivovan*", "zrusen*", "neaktivn*", "pozastaven*"},
	},
	{ // Hungarian
		mailbox: []string{"felhasznalo", "cimzett", "postafiok", "fiok", "cim"},
		other:   []string{"tartomany", "kiszolgalo", "uezenet", "hiba", "parancs"},
		absent:  []string{"nem letezik", "nem letezo", "nem talalhato", "ismeretlen", "ervenytelen"},
		full:    []string{"megtelt", "tele van"},
		over:    []string{"tullepte"},
		ended:   []string{"letiltva", "letiltott", "felfueggesztve", "inaktiv", "megszunt"},
	},
	{ // Romanian
		mailbox: []string{"utilizator", "utilizatorul", "destinatar", "destinatarul", "contul", "casuta", "cutia"},
		other:   []string{"domeniu", "domeniul", "dominiu", "serverul", "mesajul", "eroare", "comanda"},
		absent:  []string{"nu exista", "necunoscut*", "inexistent*", "nu fost gasit*"},
		full:    []string{"plina"},
		over:    []string{"depasit*"},
		ended:   []string{"dezactivat*", "suspendat*"},
	},
	{ // Turkish
		mailbox: []string{"kullanici", "kullanicisi", "alici", "kutusu", "hesap", "hesabi", "adresi"},
		other:   []string{"alani", "sunucu", "sunucusu", "mesaj", "hata", "komut"},
		absent:  []string{"bulunamadi", "mevcut degil", "bilinmeyen", "bilinmiyor", "gecersiz"},
		phrases: []string{"kullanici yok", "alici yok", "hesap yok", "adres yok"},
		full:    []string{"dolu", "doldu"},
		over:    []string{"asildi", "asti", "asilmis"},
		ended:   []string{"devre disi", "kapatildi", "kapatilmis", "askiya alindi", "aktif degil", "pasif"},
	},
	{ // Croatian, Serbian, Slovene
		mailbox: []string{"korisnik", "primatelj", "primalac", "sanducic", "sanduce", "racun", "uporabnik", "prejemnik", "predal", "naslov"},
		other:   []string{"posluzitelj", "streznik", "poruka", "greska", "napaka"},
		absent:  []string{"ne postoji", "nepoznat*", "nije pronaden*", "ne obstaja", "neznan*", "ni najden*"},
		full:    []string{"pun", "puno", "poln"},
		over:    []string{"prekoracen*", "presezen*"},
		ended:   []string{"onemogucen*", "deaktiviran*", "ugasen*", "zaprt"},
	},
	{ // Russian, Ukrainian, Bulgarian
		mailbox: []string{"пользователь", "пользователя", "получатель", "получателя", "адресат", "адресата", "ящик", "ящика", "адрес", "адреса", "аккаунт", "запись",
			"користувач", "користувача", "одержувач", "отримувач", "скринька", "потребител", "потребителят", "кутия"},
		other:  []string{"домен", "домена", "сервер", "сервера", "хост", "сообщение", "соединение", "повідомлення", "ошибка", "помилка", "грешка", "команда", "причина"},
		absent: []string{"не найден*", "не существует", "неизвестен", "неизвестн*", "не обнаружен*", "не зарегистрирован*", "нет такого", "не знайден*", "не існує", "невідом*", "не съществува"},
		full:   []string{"переполнен*", "заполнен", "переповнен*", "заповнен*", "препълнен*", "пълна"},
		over:   []string{"превышен*", "исчерпан*", "перевищен*"},
		ended:  []string{"отключен*", "удален*", "неактивен", "деактивирован*", "приостановлен*", "закрыт*", "вимкнен*", "відключен*", "видален*"},
	},
	{ // Greek
		mailbox: []string{"χρήστης", "παραλήπτης", "λογαριασμός", "διεύθυνση", "γραμματοκιβώτιο"},
		other:   []string{"τομέας", "διακομιστής", "σφάλμα"},
		absent:  []string{"δεν υπάρχει", "άγνωστος", "άγνωστη", "δεν βρέθηκε"},
		full:    []string{"γεμάτο", "πλήρες"},
	},
	{ // Indonesian, Malay
		mailbox: []string{"pengguna", "penerima", "akun", "akaun", "alamat"},
		other:   []string{"kesalahan", "pesan"},
		absent:  []string{"tidak ditemukan", "tidak dikenal", "tidak terdaftar", "tidak wujud"},
		full:    []string{"penuh"},
		ended:   []string{"dinonaktifkan", "ditangguhkan"},
	},
	{ // Chinese, Japanese, Korean, Vietnamese
		phrases: []string{
			"用 户 不 存 在", "无 此 用 户", "无 效 用 户", "没 有 此 用 户", "用 户 未 找 到", "找 不 到 用 户", "帐 号 不 存 在", "账 号 不 存 在", "邮 箱 不 存 在",
			"收 件 人 不 存 在", "地 址 不 存 在", "收 件 人 地 址 错 误", "使 用 者 不 存 在", "信 箱 不 存 在", "帳 號 不 存 在", "查 無 此 人",
			"ユ ー ザ ー が 見 つ か り ま せ ん", "ユ ー ザ ー は 存 在 し ま せ ん", "ア ド レ ス は 存 在 し ま せ ん", "ア ド レ ス が 存 在 し ま せ ん", "宛 先 が 見 つ か り ま せ ん", "宛 先 不 明",
			"사용자를 찾을 수 없습니다", "존재하지 않는 사용자", "존재하지 않는 계정", "존재하지 않는 메일", "사용자가 존재하지 않습니다", "없는 사용자",
		},
	},
}
