B
score_gradJzŠÄ\X>DRßDbà1Ã