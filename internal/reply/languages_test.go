package reply

import (
	"strings"
	"testing"
)

// Whole sentences, as servers say them, a few for each entry of languages.
func TestLanguages(t *testing.T) {
	for _, c := range []struct {
		text string
		want Class
	}{
		{"Der Empfänger ist unbekannt", MailboxNotFound}, {"Die E-Mail-Adresse ist ungültig", MailboxNotFound}, {"Kein solcher Benutzer", MailboxNotFound},
		{"Das Postfach ist voll", MailboxFull}, {"Quota überschritten", MailboxFull}, {"Das Konto wurde gelöscht", MailboxDisabled},
		{"L'utilisateur n'existe pas", MailboxNotFound}, {"Aucun utilisateur de ce nom", MailboxNotFound}, {"Boîte du destinataire pleine", MailboxFull}, {"Compte désactivé", MailboxDisabled},
		{"No existe el usuario", MailboxNotFound}, {"El usuario ha excedido su cuota", MailboxFull}, {"Cuenta suspendida", MailboxDisabled},
		{"Usuário desconhecido", MailboxNotFound}, {"Caixa de correio cheia", MailboxFull}, {"Conta desativada", MailboxDisabled},
		{"L'utente non esiste", MailboxNotFound}, {"Superata la quota della casella", MailboxFull}, {"Utente sospeso", MailboxDisabled},
		{"Geadresseerde bestaat niet", MailboxNotFound}, {"De mailbox is vol", MailboxFull}, {"Het account is opgeheven", MailboxDisabled},
		{"Okänd användare", MailboxNotFound}, {"Brugeren findes ikke", MailboxNotFound}, {"Bruker finnes ikke", MailboxNotFound}, {"Postkassen er fuld", MailboxFull}, {"Kontoen er stengt", MailboxDisabled},
		{"Käyttäjää ei löydy", MailboxNotFound}, {"Postilaatikko on täynnä", MailboxFull}, {"Tili on suljettu", MailboxDisabled},
		{"Nieznany odbiorca", MailboxNotFound}, {"Skrzynka odbiorcy jest przepełniona", MailboxFull}, {"Skrzynka nieaktywna", MailboxDisabled},
		{"Příjemce neexistuje", MailboxNotFound}, {"Schránka je plná", MailboxFull}, {"Účet byl zrušen", MailboxDisabled},
		{"A címzett nem létezik", MailboxNotFound}, {"A postafiók megtelt", MailboxFull}, {"A fiók letiltva", MailboxDisabled},
		{"Destinatarul nu există", MailboxNotFound}, {"Căsuța este plină", MailboxFull}, {"Contul este suspendat", MailboxDisabled},
		{"Böyle bir kullanıcı yok", MailboxNotFound}, {"Posta kutusu dolu", MailboxFull}, {"Hesap devre dışı", MailboxDisabled},
		{"Korisnik ne postoji", MailboxNotFound}, {"Sandučić je pun", MailboxFull}, {"Korisnik je deaktiviran", MailboxDisabled},
		{"Пользователь с таким именем не зарегистрирован", MailboxNotFound}, {"Почтовый ящик переполнен", MailboxFull}, {"Аккаунт отключен", MailboxDisabled},
		{"Ο χρήστης δεν υπάρχει", MailboxNotFound}, {"Το γραμματοκιβώτιο είναι γεμάτο", MailboxFull},
		{"Pengguna tidak ditemukan", MailboxNotFound}, {"Akun penuh", MailboxFull}, {"Akun dinonaktifkan", MailboxDisabled},
		{"用户不存在", MailboxNotFound}, {"宛先が見つかりません", MailboxNotFound}, {"メールボックスがいっぱいです", MailboxFull}, {"邮箱已满", MailboxFull}, {"존재하지 않는 계정", MailboxNotFound},

		// Adjectives of what is no mailbox, and no noun of the tables.
		{"<alice@corp.example>: unbekannter Fehler", Unclear}, {"<alice@corp.example>: erreur inconnue", Unclear}, {"<alice@corp.example>: servizio disabilitato", Unclear},
		{"<alice@corp.example>: El usuario no se encuentra disponible", Unclear}, {"<alice@corp.example>: у пользователя отсутствует место", Unclear}, {"<alice@corp.example>: bu hesap için yetkiniz yok", Unclear},
		{"<alice@corp.example>: no hay espacio en el buzón", MailboxFull},

		// The sender, his domain, the domain and the server are no mailbox.
		{"Dieser Absender ist unbekannt", BlockedByPolicy}, {"Die Absenderadresse existiert nicht", BlockedByPolicy}, {"Ihre Adresse ist gesperrt", BlockedByPolicy},
		{"Die Domäne des Empfängers existiert nicht", Unclear}, {"Adresse de l'expéditeur inexistante", BlockedByPolicy}, {"Le domaine du destinataire n'existe pas", Unclear},
		{"El dominio del remitente no existe", BlockedByPolicy}, {"El servidor de correo no existe", Unclear}, {"O endereço do remetente não existe", BlockedByPolicy},
		{"Indirizzo del mittente non valido", BlockedByPolicy}, {"Adres nadawcy nie istnieje", BlockedByPolicy}, {"Domena odbiorcy nie istnieje", Unclear},
		{"Адрес отправителя не существует", BlockedByPolicy}, {"Домен получателя не найден", Unclear}, {"Gönderenin adresi bulunamadı", BlockedByPolicy},
		{"Alıcının alan adı, etki alanı bulunamadı", Unclear}, {"Cuota de envío excedida", Unclear},
	} {
		r, err := Parse([]string{"550 " + c.text})
		if err != nil {
			t.Fatal(err)
		}
		if m := Classify(r, Asked{Stage: Rcpt, Own: own}); m.Class != c.want || m.Weak {
			t.Errorf("%q: got %+v, want %s", c.text, m, c.want)
		}
	}
}

// Whatever a language says of its mailboxes, it does not say it of what it
// calls a domain or a server, nor of a sender.
func TestOtherNounsAreNoMailboxInAnyLanguage(t *testing.T) {
	for i := range languages {
		l := &languages[i]
		for _, phrases := range [][]string{l.absent, l.full, l.ended} {
			for _, noun := range append([]string{"domain", "server"}, l.other...) {
				for _, p := range phrases {
					for _, text := range []string{noun + " " + trimStar(p), "<alice@corp.example>: " + noun + " " + trimStar(p), "sender " + l.mailbox[0] + " " + trimStar(p)} {
						m := Classify(Reply{Code: 550, Text: text}, Asked{Stage: Rcpt, Own: own})
						if aboutMailbox(m.Class) {
							t.Errorf("%q: got %+v", text, m)
						}
					}
				}
			}
		}
	}
}

// Every statement of a language is understood of each of its nouns.
func TestEveryNounOfALanguageIsAMailbox(t *testing.T) {
	for i := range languages {
		l := &languages[i]
		for _, noun := range l.mailbox {
			for _, c := range []struct {
				phrases []string
				want    Class
			}{{l.absent, MailboxNotFound}, {l.full, MailboxFull}, {l.ended, MailboxDisabled}} {
				for _, p := range c.phrases {
					text := strings.Join([]string{noun, trimStar(p)}, " ")
					if m := Classify(Reply{Code: 550, Text: text}, Asked{Stage: Rcpt, Own: own}); m.Class != c.want {
						t.Errorf("%q: got %+v, want %s", text, m, c.want)
					}
				}
			}
		}
	}
}
