import { openCertificate } from '../graph/credential.ts';
import { FileError, readBounded } from './bounded-file.ts';

/**
 * Opens a certificate and its private key, as each token request does.
 *
 * @throws FileError
 */
export function tryToOpen(path: string, password: string | null): void {
  const content = readBounded(path);
  try {
    openCertificate('', content, password);
  } catch (cause) {
    throw new FileError((cause as Error).message.trim(), { cause });
  }
}
