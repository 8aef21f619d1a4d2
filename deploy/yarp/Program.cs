using GuardSharp.Balancer;

// Addresses of the replicas: appsettings.json, or ReverseProxy__Clusters__guards__Destinations__one__Address of the environment.
await using var balancer = Balancer.Create(args);
await balancer.RunAsync();
