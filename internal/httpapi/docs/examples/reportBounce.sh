curl -sS "$RCPT_URL/v1/report-bounce" \
  -H "Authorization: Bearer $RCPT_KEY" \
  -H "Content-Type: application/json" \
  -d '{"email":"user7@ok.test","reason":"hard_bounce","occurred_at":"2026-11-20T10:00:00Z","event_id":"m-20261120-77"}'
# prints {"recorded":...,"duplicate":...}
