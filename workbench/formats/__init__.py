"""Files of others, in and out: 3Dblox, .chiplet, and what engineers export. Nothing from outside is trusted."""
