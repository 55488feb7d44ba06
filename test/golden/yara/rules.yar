/* Rules for the tests: what an examiner of containers would look for, in every kind of pattern that YARA has. */

rule elf_header
{
    meta:
        description = "an ELF file in memory"
    strings:
        $magic = { 7f 45 4c 46 (01 | 02) 01 01 }
    condition:
        $magic
}

rule elf_program : executable
{
    condition:
        uint32(0) == 0x464c457f
}

rule aws_access_key : secret
{
    meta:
        description = "an access key of AWS"
        severity = 80
    strings:
        $key = /AKIA[0-9A-Z]{16}/ fullword
    condition:
        $key
}

rule aws_secret_key : secret
{
    strings:
        $name = "AWS_SECRET_ACCESS_KEY=" nocase
    condition:
        $name
}

rule database_password : secret
{
    strings:
        $assignment = /DB_PASSWORD=[ -~]{1,64}/
    condition:
        $assignment
}

rule kubernetes_environment
{
    strings:
        $host = "KUBERNETES_SERVICE_HOST="
        $port = "KUBERNETES_SERVICE_PORT="
        $https = "KUBERNETES_SERVICE_PORT_HTTPS="
    condition:
        2 of them
}

rule shell_history
{
    strings:
        $rm = "rm -rf " ascii wide
        $chmod = "chmod +x" ascii wide
        $wget = "wget " ascii wide
    condition:
        any of them
}

rule cgi_injection
{
    strings:
        $uri = /REQUEST_URI=[^\x00]{0,200}%3B/
    condition:
        $uri
}

rule miner : malware
{
    strings:
        $stratum = "stratum+tcp://"
        $donate = "donate-level"
        $xmrig = "xmrig" nocase
    condition:
        any of them
}

rule kernel_thread_name
{
    strings:
        $name = /\[?kdevtmpfs\]?/
    condition:
        $name
}

rule private_key : secret
{
    strings:
        $begin = "-----BEGIN"
        $end = "PRIVATE KEY-----"
    condition:
        $begin and $end and @end > @begin
}

rule busybox
{
    strings:
        $applet = "busybox" fullword
    condition:
        #applet > 1
}

rule base64_of_passwd
{
    strings:
        $path = "/etc/passwd" base64
        $plain = "/etc/passwd"
    condition:
        any of them
}

rule xored_shell
{
    strings:
        $shell = "/bin/sh" xor(1-255)
    condition:
        $shell
}
