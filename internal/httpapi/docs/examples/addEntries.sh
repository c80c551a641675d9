curl -sS "$RCPT_URL/v1/lists" \
  -H "Authorization: Bearer $RCPT_KEY" \
  -H "Content-Type: application/json" \
  -d '{"list":"allow","domains":["partner.example","müller.example"]}'
# prints {"key":"...","list":"allow","added":...,"moved":...,"removed":0,"unchanged":...,"entries":...}
