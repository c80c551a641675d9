curl -sS "$RCPT_URL/v1/usage?days=7" -H "Authorization: Bearer $RCPT_KEY"
# prints {"key":"...","from":"...","to":"...","total":...,"by_kind":{...},"by_outcome":{...},"days":[...]}
