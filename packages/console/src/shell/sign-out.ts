import { transport } from '../api/client';
import { queryClient, toSignIn } from '../session';

/** Ends the session at the platform and forgets everything that was loaded in it. */
export async function signOut(): Promise<void> {
  try {
    await transport.request({ method: 'DELETE', path: '/v1/session' });
  } finally {
    toSignIn('signed-out');
    queryClient.clear();
  }
}
