"""flash.choose beside HiGHS and CP-SAT: tables of nobody's network family."""
