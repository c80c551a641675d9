curl -sS "$RCPT_URL/v1/keys" \
  -H "Authorization: Bearer $RCPT_ADMIN_KEY" \
  -H "Content-Type: application/json" \
  -d '{"account":"acme","label":"sign-up form","scopes":["verify"],"limits":{"monthly":50000}}'
# prints {"id":"...","account":"acme","label":"sign-up form",...,"secret":"rk_live_...",...}
