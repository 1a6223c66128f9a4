import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const api = process.env.MILLRACE_API ?? 'http://127.0.0.1:8080';

// The build lands in dist/, which the platform serves; `vite dev` passes the API's paths on to a running platform.
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  plugins: [react()],
  resolve: {
    alias: {
      '@millrace/client': fileURLToPath(new URL('../client/src/index.ts', import.meta.url)),
    },
  },
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
  server: { host: '127.0.0.1', proxy: { '/v1': api, '/healthz': api, '/openapi.json': api } },
});
