// SQL cut into what is coloured alike. Pure, and only for the eye: the gateway's own parser decides what is right.

export interface Token {
  kind: "" | "word" | "text" | "number" | "note";
  text: string;
}

const WORDS = new Set(
  ("SELECT FROM WHERE AS INSERT INTO CREATE TABLE VIEW WITH CASE WHEN THEN ELSE END AND OR NOT IS NULL OVER PARTITION BY ORDER ROWS RANGE BETWEEN " +
    "PRECEDING CURRENT ROW FOLLOWING INTERVAL MINUTE SECOND HOUR DAY GROUP HAVING UNION ALL JOIN ON LEFT CAST DISTINCT LIKE IN ASC DESC WATERMARK FOR " +
    "TIMESTAMP STRING DOUBLE INT BIGINT BOOLEAN PRIMARY KEY TEMPORARY TUMBLE HOP SESSION WINDOW TRUE FALSE EXISTS BEGIN STATEMENT SET").split(" "),
);
const PATTERN = /(--[^\n]*|\/\*[\s\S]*?\*\/)|('(?:[^']|'')*')|(\b\d+(?:\.\d+)?\b)|([A-Za-z_]\w*)/g;

export function tokens(sql: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  const plain = (text: string): void => {
    const last = found[found.length - 1];
    if (last && last.kind === "") last.text += text;
    else if (text !== "") found.push({ kind: "", text });
  };
  for (const match of sql.matchAll(PATTERN)) {
    plain(sql.slice(at, match.index));
    const [whole, note, text, number, word] = match;
    if (note) found.push({ kind: "note", text: whole });
    else if (text) found.push({ kind: "text", text: whole });
    else if (number) found.push({ kind: "number", text: whole });
    else if (word && WORDS.has(word.toUpperCase())) found.push({ kind: "word", text: whole });
    else plain(whole);
    at = match.index + whole.length;
  }
  plain(sql.slice(at));
  return found;
}
