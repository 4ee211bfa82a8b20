// Types of what Vite adds: imports of style sheets and pictures.
/// <reference types="vite/client" />
