# The one entrance: every target does its own set-up. `make help` lists them.
SHELL = /bin/sh
BUILD = build
CC = gcc
CSTD = -std=c11
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wvla -Wdouble-promotion -Wformat=2 -Werror
CORE_FLAGS = $(CSTD) -O2 -g -DQST_DEBUG -Isrc/core -Isrc
CORE_SOURCES = $(sort $(wildcard src/core/*/*.c))
CORE_TESTS = $(sort $(wildcard tests/core/test_*.c))
CORE_PROGRAMS = $(CORE_TESTS:tests/core/%.c=$(BUILD)/core/%)

.PHONY: core docs

$(BUILD)/core/%.o: src/core/%.c src/core/qst.h $(wildcard src/core/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CORE_FLAGS) $(WARN) -c $< -o $@

$(BUILD)/core/libqst.a: $(CORE_SOURCES:src/core/%.c=$(BUILD)/core/%.o)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/core/test_%: tests/core/test_%.c tests/core/qst_test.c tests/core/qst_test.h \
  $(BUILD)/core/libqst.a
	$(CC) $(CORE_FLAGS) $(WARN) -Itests/core $< tests/core/qst_test.c -o $@ \
	  $(BUILD)/core/libqst.a -lcmocka -lm -lpthread

# The C core by itself: one cmocka program for each source file.
core: $(CORE_PROGRAMS)
	@for program in $(CORE_PROGRAMS); do $$program || exit 1; done

# man/ and NAMESPACE from the comments in R/.
docs:
	Rscript -e 'roxygen2::roxygenise(load_code = "source")'
