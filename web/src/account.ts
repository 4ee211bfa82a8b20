// Who is logged in at this page, and whether the gateway wants to know.
import { signal } from "@preact/signals";
import { get, guard, post, Problem } from "./api.ts";

export interface Me {
  name: string | null;
  role: "viewer" | "operator" | "admin" | null;
  csrf: string | null;
  login_needed: boolean;
}

export const me = signal<Me | null>(null); // null: not asked yet

function take(answer: Me): void {
  guard.csrf = answer.csrf;
  me.value = answer;
}

// A gateway that does not answer yet is asked again by who calls this; an older one knows no accounts.
export async function ask(): Promise<void> {
  try {
    take(await get<Me>("me"));
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
    take({ name: null, role: "admin", csrf: null, login_needed: false });
  }
}

// What is missing or wrong; null: logged in.
export async function login(name: string, password: string, code: string): Promise<"code" | "wrong" | string | null> {
  try {
    take(await post<Me>("login", { name, password, ...(code === "" ? {} : { code }) }));
    return null;
  } catch (error) {
    if (error instanceof Problem && error.status === 401) return error.reason === "code_needed" ? "code" : "wrong";
    return error instanceof Error ? error.message : String(error);
  }
}

export async function logout(): Promise<void> {
  await post("logout", undefined).catch(() => undefined);
  location.reload();
}

// The session is over: the page asks to log in again.
guard.refused = () => {
  if (me.value?.name) void ask().catch(() => undefined);
};

export const loggedOut = (): boolean => me.value !== null && me.value.login_needed && me.value.name === null;
