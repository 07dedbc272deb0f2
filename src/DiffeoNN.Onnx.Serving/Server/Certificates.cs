using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace DiffeoNN.Onnx.Serving.Server;

/// <summary>The server's certificate, and whose clients it takes.</summary>
internal static class Certificates
{
    /// <summary>Sets up TLS.</summary>
    /// <param name="https">Is set.</param>
    /// <param name="options">Has a certificate.</param>
    /// <exception cref="ServerException">A file holds no certificate or key.</exception>
    public static void Configure(HttpsConnectionAdapterOptions https, ServerOptions options)
    {
        try
        {
            https.ServerCertificate = X509Certificate2.CreateFromPemFile(options.Certificate!, options.CertificateKey);
            if (options.ClientAuthority is not { } authority) return;
            var authorities = new X509Certificate2Collection();
            authorities.ImportFromPemFile(authority);
            if (authorities.Count == 0) throw new ServerException($"--tls-client-ca: '{authority}' holds no certificate.");
            https.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
            https.ClientCertificateValidation = (certificate, _, _) => IsSigned(certificate, authorities);
        }
        catch (CryptographicException error)
        {
            var key = options.CertificateKey is { } file ? $" with --tls-key '{file}'" : "";
            throw new ServerException($"--tls-cert: '{options.Certificate}' cannot be used{key}: {error.Message}", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ServerException($"--tls-cert, --tls-key, --tls-client-ca: a file cannot be read: {error.Message}", error);
        }
    }

    private static bool IsSigned(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
