B
score_gradJV½Ä ‚D§ĞHDÏ4sÃ