"""Learn: a lesson of nine steps. Play, predict, see the answer, read why, look at the same batch in full."""

from app.views.learn.lesson import show_lesson
from app.views.learn.steps import STEPS

show_lesson(STEPS)
