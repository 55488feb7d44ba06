/** The names that a container's UTS namespace gives its host (uts_namespaces(7)), as uname(2) tells them inside. */
import { readText } from './proc-reader.ts';

export interface HostNames {
  readonly nodename: string;
  readonly domainname: string;
}

/** To be called from within the namespace. */
export function readHostNames(proc: string): HostNames {
  const name = (file: string): string => (readText(`${proc}/sys/kernel/${file}`) ?? '').replace(/\n$/, '');
  return { nodename: name('hostname'), domainname: name('domainname') };
}
