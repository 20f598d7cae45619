# `make run` is the product, `make test` its proof. Everything else is a part of these two.

PORT ?= 8080
DATA ?= data
WEB := gateway/web

.PHONY: run build compiler web generate fmt lint test test-setup test-unit test-web test-browser bench deny clean help

help: ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

run: build ## Build everything and serve it on http://localhost:$(PORT), with everything that lasts in $(DATA)
	exec $(or $(CARGO_TARGET_DIR),target)/release/rookery --http.port $(PORT) --node.data $(DATA) $(ARGS)

compiler: # said before anything is built
	@command -v $${CC:-cc} >/dev/null || { echo "Rookery needs a C compiler ($${CC:-cc}): Debian and Ubuntu have it in build-essential" >&2; exit 1; }

build: compiler web ## The web client and the node, optimised
	cargo build --locked --release --package rookery-node

web: $(WEB)/dist/.built ## The web client

$(WEB)/node_modules/.installed: $(WEB)/package-lock.json
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' \
		|| { echo "Rookery's web client needs Node.js 20.19 or 22.12 and later, not $$(node --version 2>&1)" >&2; exit 1; }
	cd $(WEB) && npm ci --no-audit --no-fund
	@touch $@

$(WEB)/dist/.built: $(WEB)/node_modules/.installed $(shell find $(WEB)/src $(WEB)/public $(WEB)/index.html $(WEB)/vite.config.ts $(WEB)/tsconfig.json $(WEB)/package.json -type f 2>/dev/null)
	cd $(WEB) && npm run build
	@touch $@

generate: ## Write the files that are made from the Rust types
	cargo run --locked --quiet --package rookery-schemas --example typescript

fmt: ## Format everything
	cargo fmt --all

test: ## Install what tests need, then everything that CI holds us to
	ops/dev/test all

test-setup: ## Install what tests need
	ops/dev/test setup

lint: ## Formatting, clippy, TypeScript, licences
	ops/dev/test lint

test-unit: ## Every Rust test but those that need a browser
	ops/dev/test unit

test-web: ## The web client's own tests
	ops/dev/test web

test-browser: ## The whole product in Chromium
	ops/dev/test browser

bench: ## Measure what is promised, print every figure, and fail where a promise does not hold
	ops/dev/bench all

clean: ## Everything that was made
	rm -rf target artifacts $(WEB)/dist $(WEB)/node_modules
