import type { APPS_SCHEMA, AppEntry, CertificateEntry } from './apps-schema.ts';
import { FileError, readText } from './bounded-file.ts';
import { tryToOpen } from './certificate-file.ts';
import { readWebhookSecret } from './webhook-secret.ts';
import type { Draft, DraftFields, YamlReader } from './yaml-reader.ts';

/**
 * Checks the files of apps, so that a fault in one is found before the apps are used. Messages never
 * contain a path, because somebody may have written a secret in its place.
 */
export class AppFiles {
  readonly #yaml: YamlReader<typeof APPS_SCHEMA>;
  readonly #pathOf: (path: string) => string;
  readonly #onNamed: (path: string) => void;

  /**
   * @param pathOf resolves a path of the file, which may be relative
   * @param onNamed called with each path before it is read
   */
  constructor(
    yaml: YamlReader<typeof APPS_SCHEMA>,
    pathOf: (path: string) => string,
    onNamed: (path: string) => void,
  ) {
    this.#yaml = yaml;
    this.#pathOf = pathOf;
    this.#onNamed = onNamed;
  }

  check(app: Draft<AppEntry> | undefined, at: string): void {
    const { clientSecretFile, certificate, federatedTokenFile } = app?.credential ?? {};
    this.#isUsable(`${at}/credential/clientSecretFile`, clientSecretFile, readText);
    this.#isUsable(`${at}/credential/federatedTokenFile`, federatedTokenFile, readText);
    this.#checkCertificate(`${at}/credential/certificate`, certificate ?? {});
    for (const [i, file] of (app?.webhook?.secretFiles ?? []).entries()) {
      this.#isUsable(`${at}/webhook/secretFiles/${i}`, file, readWebhookSecret);
    }
  }

  #checkCertificate(at: string, { file, passwordFile }: DraftFields<CertificateEntry>): void {
    // A password that cannot be read has its own fault.
    if (!this.#isUsable(`${at}/passwordFile`, passwordFile, readText)) return;
    const password = () => (passwordFile ? readText(this.#pathOf(passwordFile)) : null);
    this.#isUsable(`${at}/file`, file, (path) => tryToOpen(path, password()));
  }

  /** @param use throws FileError if the file cannot be used */
  #isUsable(at: string, path: string | null | undefined, use: (path: string) => unknown): boolean {
    if (typeof path !== 'string') return path === undefined;
    const resolved = this.#pathOf(path);
    this.#onNamed(resolved);
    try {
      use(resolved);
      return true;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      this.#yaml.fault(at, `names a file that ${error.reason}`);
      return false;
    }
  }
}
