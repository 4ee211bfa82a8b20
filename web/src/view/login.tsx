// Logging in: name, password, and the code of a second factor where the account has one.
import { useSignal } from "@preact/signals";
import { login } from "../account.ts";
import { nextTheme, theme } from "../theme.ts";
import { language, speak, t, type Word } from "../words.ts";
import { Icon, Mark } from "./bits.tsx";
import { THEME_ICONS } from "./shell.tsx";

export function Login() {
  const name = useSignal("");
  const password = useSignal("");
  const code = useSignal("");
  const wantsCode = useSignal(false);
  const problem = useSignal<string | null>(null);
  const busy = useSignal(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    busy.value = true;
    const missing = await login(name.value.trim(), password.value, code.value.trim());
    busy.value = false;
    if (missing === "code") {
      wantsCode.value = true;
      problem.value = null;
    } else if (missing !== null) {
      problem.value = missing === "wrong" ? t("loginWrong") : missing;
    }
  };
  return (
    <main class="login">
      <form class="card form" onSubmit={(e) => void submit(e)} aria-labelledby="login-title" data-login>
        <p class="brand"><Mark /> Skerry</p>
        <h1 id="login-title">{t("loginTitle")}</h1>
        <label>{t("loginName")}<input required name="name" autocomplete="username" autocapitalize="none" value={name.value} onInput={(e) => (name.value = e.currentTarget.value)} /></label>
        <label>{t("loginPassword")}<input required type="password" name="password" autocomplete="current-password" value={password.value} onInput={(e) => (password.value = e.currentTarget.value)} /></label>
        {wantsCode.value && (
          <label>{t("loginCode")}<input required name="code" inputMode="numeric" pattern="[0-9]{6}" maxLength={6} autocomplete="one-time-code" value={code.value} onInput={(e) => (code.value = e.currentTarget.value)} /></label>
        )}
        {problem.value !== null && <p class="problem" role="alert">{problem.value}</p>}
        <button type="submit" class="plain" disabled={busy.value}>{t("loginButton")}</button>
        <p class="label">{t("loginHint")}</p>
        <div class="buttons">
          <button type="button" class="quiet" title={t(`theme.${theme.value}` as Word)} aria-label={t(`theme.${theme.value}` as Word)} onClick={nextTheme} data-theme-button>
            <Icon d={THEME_ICONS[theme.value]} />
          </button>
          <button type="button" class="quiet" lang={language.value === "en" ? "zh-CN" : "en"} title={t("languageTitle")} data-language-button onClick={() => speak(language.value === "en" ? "zh" : "en")}>
            {t("language")}
          </button>
        </div>
      </form>
    </main>
  );
}
