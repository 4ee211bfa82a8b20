// Builds the page into dist/: index.html and hashed files in assets/, which cmake/embed.cmake packs into the program.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vite";

const BYTES_MAX = 120 * 1024; // packed, all files together

function packedBytes(folder) {
  return readdirSync(folder).map((name) => join(folder, name)).reduce(
    (sum, path) => sum + (statSync(path).isDirectory() ? packedBytes(path) : gzipSync(readFileSync(path), { level: 9 }).length), 0);
}

const small = {
  name: "small",
  apply: "build",
  closeBundle() {
    const bytes = packedBytes("dist");
    if (bytes > BYTES_MAX) throw new Error(`the page has ${bytes} bytes packed; at most ${BYTES_MAX}`);
  },
};

const gateway = process.env["SKERRY_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "./",
  plugins: [small],
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: { target: "es2020", modulePreload: false, assetsInlineLimit: 0, reportCompressedSize: true },
  server: { proxy: { "/api": gateway, "/readyz": gateway } },
});
