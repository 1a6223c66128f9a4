import { api } from '../api/client';
import { queryClient, toSignIn } from '../session';

/** Ends the session at the platform and forgets everything that was loaded in it. */
export async function signOut(): Promise<void> {
  try {
    await api.deleteSession();
  } finally {
    toSignIn('signed-out');
    queryClient.clear();
  }
}
