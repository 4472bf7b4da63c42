# SPDX-License-Identifier: MIT
# A front for Meson: everything a newcomer needs in one word.
BUILD ?= build
PREFIX ?= /usr/local

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@tools/install-deps
	meson setup $(BUILD) --prefix=$(PREFIX)

demo: all
	@$(BUILD)/cli/safeffi demo

check: all
	meson test -C $(BUILD) --print-errorlogs

bench: all
	@tools/run-bench $(BUILD)

# Longer than `make check` has time for.
stress: all
	@tools/run-stress $(BUILD) $${TIMES:-20}

fuzz: all
	@mkdir -p $(BUILD)/fuzz-corpus
	$(BUILD)/tests/fuzz/fuzz-declarations -max_total_time=$${SECONDS:-300} -max_len=4096 \
		-dict=tests/fuzz/declarations.dict $(BUILD)/fuzz-corpus tests/fuzz/declarations

# Random signatures, by gcc and clang: SIGNATURES, SEED.
fuzz-abi: all
	tests/abi/fuzz $(BUILD) $${SIGNATURES:-10000} $${SEED:-}

install:
	@tools/install-deps
	meson setup $(BUILD)-install --prefix=$(abspath $(PREFIX)) -Dtests=false --reconfigure >/dev/null 2>&1 || \
	meson setup $(BUILD)-install --prefix=$(abspath $(PREFIX)) -Dtests=false
	meson install -C $(BUILD)-install

clean:
	rm -rf $(BUILD) $(BUILD)-install

.PHONY: all demo stress fuzz fuzz-abi check bench install clean
