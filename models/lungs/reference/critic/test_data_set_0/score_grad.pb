B
score_gradJ˜ÑôÄ[B¨D¢ÔDÀ<Ã