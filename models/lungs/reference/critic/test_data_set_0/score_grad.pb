B
score_gradJM¼ñÄä#¦D2€DÑA›Ã