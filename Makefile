# The one entrance. Every target installs what it needs (tools/setup), and writes to build/ only.
SHELL = /bin/sh
BUILD = build
CC = gcc
CSTD = -std=c11
WARN = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wvla -Wdouble-promotion -Wformat=2 -Werror
OPT = -O2 -g
CORE_FLAGS = $(CSTD) $(OPT) -DQST_DEBUG -Isrc/core -Isrc
CORE_SOURCES = $(sort $(wildcard src/core/*/*.c))
PG_SOURCES = $(sort $(wildcard src/pg/*.c))
PG_FLAGS = -DQST_HAVE_LIBPQ $(shell pkg-config --cflags libpq 2> /dev/null)
CORE_TESTS = $(sort $(wildcard tests/core/test_*.c))
CORE_PROGRAMS = $(CORE_TESTS:tests/core/%.c=$(BUILD)/core/%)
PACKAGE_FILES = DESCRIPTION NAMESPACE LICENSE configure cleanup .Rbuildignore \
  $(shell find R src inst data ! -name '*.o' ! -name '*.so' ! -name Makevars 2> /dev/null)
SECONDS = 60

# The same locale everywhere; the user's own R library and profile are neither used nor touched.
export LC_ALL = C.UTF-8
export R_LIBS_USER = $(CURDIR)/build/lib
export R_LIBS =
export R_PROFILE_USER = /dev/null
export R_ENVIRON_USER = /dev/null

.PHONY: help demo test core lint sanitize check bench docs format analyze cover fuzz ci clean
.PHONY: core-programs install

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 16

demo: ## analyse the shipped trial, print each printed figure beside ours, write the report
	@tools/setup demo
	@$(MAKE) -s install
	@mkdir -p build/demo && cd build/demo && Rscript ../lib/questrial/jobs/demo.R

test: ## run every test; the last line counts passed, failed and skipped
	@tools/setup test
	@tools/test

core: ## build and run the tests of the C core alone
	@tools/setup core
	@$(MAKE) -s -j$$(nproc) core-programs
	@for program in $(CORE_PROGRAMS); do $$program || exit 1; done

lint: ## check layers, registration, lengths, format, style (tools/lint)
	@tools/setup lint
	@$(MAKE) -s build/core/libqst.a install
	@tools/run-lint

sanitize: ## address, undefined, thread sanitizers, valgrind; address sanitizer inside R
	@tools/setup sanitize
	@tools/sanitize

check: ## R CMD check --as-cran; any note that tools/check-allowed does not explain fails
	@tools/setup check
	@tools/check

bench: ## ours beside the peers (bench/*.R)
	@tools/setup bench
	@$(MAKE) -s install
	@for script in $(sort $(filter-out bench/bench.R, $(wildcard bench/*.R))); do echo "== $$script"; Rscript $$script || exit 1; done

docs: ## man/ and NAMESPACE from the comments in R/
	@tools/setup docs
	tools/document

format: ## format the C code in place
	@tools/setup lint
	find src tests -name '*.[ch]' -exec clang-format -i {} +

analyze: ## gcc's static analyser on the core
	@tools/setup core
	@$(MAKE) -s build/analyze/core/libqst.a BUILD=build/analyze OPT='-O2 -fanalyzer'

cover: ## line coverage of the core's tests
	@tools/setup core
	@tools/cover

fuzz: ## libFuzzer for SECONDS (60) on each target of tests/fuzz
	@tools/setup fuzz
	@tools/fuzz $(SECONDS)

ci: ## what .ci/run runs
	@.ci/run

clean: ## remove build/
	rm -rf build

# What a variable holds, for the scripts: make -s print-WARN
print-%:
	@echo '$($*)'

# ---- The core and its test programs ----

$(BUILD)/core/%.o: src/core/%.c src/core/qst.h $(wildcard src/core/*/*.h)
	@mkdir -p $(@D)
	$(CC) $(CORE_FLAGS) $(WARN) -c $< -o $@

$(BUILD)/core/libqst.a: $(CORE_SOURCES:src/core/%.c=$(BUILD)/core/%.o)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/pg/%.o: src/pg/%.c src/core/qst.h $(wildcard src/core/base/*.h src/pg/*.h)
	@mkdir -p $(@D)
	$(CC) $(CORE_FLAGS) $(PG_FLAGS) $(WARN) -c $< -o $@

$(BUILD)/pg/libqstpg.a: $(PG_SOURCES:src/pg/%.c=$(BUILD)/pg/%.o)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/core/test_pg_%: tests/core/test_pg_%.c tests/core/qst_test.c tests/core/qst_test.h \
  $(BUILD)/pg/libqstpg.a $(BUILD)/core/libqst.a
	$(CC) $(CORE_FLAGS) $(PG_FLAGS) $(WARN) -Itests/core $< tests/core/qst_test.c -o $@ \
	  $(BUILD)/pg/libqstpg.a $(BUILD)/core/libqst.a -lpq -lcmocka -lm -lpthread

$(BUILD)/core/test_%: tests/core/test_%.c tests/core/qst_test.c tests/core/qst_test.h \
  $(BUILD)/core/libqst.a
	$(CC) $(CORE_FLAGS) $(WARN) -Itests/core $< tests/core/qst_test.c -o $@ \
	  $(BUILD)/core/libqst.a -lcmocka -lm -lpthread

core-programs: $(CORE_PROGRAMS)

# ---- The package, in a library of its own ----

build/questrial.tar.gz: $(PACKAGE_FILES)
	@mkdir -p build/source
	@rm -f build/source/*
	@cd build/source && R CMD build --no-build-vignettes --no-manual $(CURDIR) > ../build.log 2>&1 \
	  || { cat ../build.log; exit 1; }
	@mv build/source/questrial_*.tar.gz $@

build/lib/questrial/DESCRIPTION: build/questrial.tar.gz
	@mkdir -p build/lib
	@MAKEFLAGS=-j$$(nproc) R CMD INSTALL --no-docs --no-multiarch -l build/lib $< > build/install.log 2>&1 \
	  || { cat build/install.log; exit 1; }
	@touch $@

install: build/lib/questrial/DESCRIPTION
