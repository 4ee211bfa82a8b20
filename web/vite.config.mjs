// Builds the page into dist/: index.html, hashed files in assets/, and each of them packed beside itself as .gz.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const BYTES_MAX = 120 * 1024; // packed, all files together

// The program holds the packed files and sends them as they are.
function packed() {
  return {
    name: "packed",
    apply: "build",
    closeBundle() {
      let total = 0;
      const pack = (folder) => {
        for (const name of readdirSync(folder)) {
          const path = join(folder, name);
          if (statSync(path).isDirectory()) pack(path);
          else if (!name.endsWith(".gz")) {
            const bytes = gzipSync(readFileSync(path), { level: 9 });
            total += bytes.length;
            writeFileSync(`${path}.gz`, bytes);
          }
        }
      };
      pack("dist");
      if (total > BYTES_MAX) throw new Error(`the page has ${total} bytes packed; at most ${BYTES_MAX}`);
    },
  };
}

const gateway = process.env["SKERRY_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  plugins: [packed()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: { target: "es2020", modulePreload: false, assetsInlineLimit: 0, reportCompressedSize: true },
  server: { proxy: { "/api": gateway, "/readyz": gateway } },
});
