// Callkeeper as an Azure Container App. Make the environment, the user-assigned identity, the key vault
// and the Azure Managed Redis first, in this resource group: see docs/deploy.md.
//
//   az deployment group create --resource-group GROUP --template-file container-app.bicep \
//     --parameters environmentName=… identityName=… keyVaultName=… redisName=… image=… tenantId=… clientId=…

param name string = 'callkeeper'
param location string = resourceGroup().location

@description('Of the managed environment, which should be in a virtual network of yours.')
param environmentName string

@description('Of the user-assigned identity that reads the vault, pulls the image, uses Redis, and that the bot\'s app registration trusts.')
param identityName string

@description('Its secret callkeeper-access is the file of keys.')
param keyVaultName string

@description('Of the Azure Managed Redis. The identity gets access to its data.')
param redisName string

@description('Such as registry.example.com/callkeeper:0.1.0')
param image string

@description('The registry from which the identity may pull the image; empty if it needs no login.')
param registryServer string = ''

@description('Of the bot\'s app registration.')
param tenantId string

@description('Of the bot\'s app registration.')
param clientId string

@allowed(['global', 'us-gov-l4', 'us-gov-l5', 'china'])
param graphCloud string = 'global'

@description('Whether bots outside of the environment come in; from how far is up to the environment.')
param external bool = false

@minValue(2)
param minReplicas int = 2

@minValue(2)
param maxReplicas int = 4

resource environment 'Microsoft.App/managedEnvironments@2025-01-01' existing = {
  name: environmentName
}

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: keyVaultName
}

resource redis 'Microsoft.Cache/redisEnterprise@2025-07-01' existing = {
  name: redisName
}

// An Azure Managed Redis has one database, with this name.
resource database 'Microsoft.Cache/redisEnterprise/databases@2025-07-01' existing = {
  name: 'default'
  parent: redis
}

resource usesRedis 'Microsoft.Cache/redisEnterprise/databases/accessPolicyAssignments@2025-07-01' = {
  name: guid(database.id, identity.id, 'default')
  parent: database
  properties: {
    accessPolicyName: 'default'
    user: {
      objectId: identity.properties.principalId
    }
  }
}

// Key Vault Secrets User
resource readsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, '4633458b-17de-408a-874c-0445c86b69e6')
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-874c-0445c86b69e6')
  }
}

// APPS_FILE: JSON is YAML too. It has no secret, because Entra accepts the identity's token instead.
var apps = {
  apps: [
    {
      name: 'default'
      tenantId: tenantId
      clientId: clientId
      credential: {
        federatedManagedIdentity: {
          clientId: identity.properties.clientId
        }
      }
    }
  ]
}

resource app 'Microsoft.App/containerApps@2025-01-01' = {
  name: name
  location: location
  dependsOn: [readsSecrets, usesRedis]
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identity.id}': {}
    }
  }
  properties: {
    environmentId: environment.id
    configuration: {
      // The old revision gets requests until the new one is ready.
      activeRevisionsMode: 'Single'
      ingress: {
        external: external
        targetPort: 8080
        transport: 'http'
        allowInsecure: false
      }
      registries: empty(registryServer) ? [] : [
        {
          server: registryServer
          identity: identity.id
        }
      ]
      secrets: [
        {
          name: 'apps'
          value: string(apps)
        }
        {
          name: 'access'
          keyVaultUrl: '${vault.properties.vaultUri}secrets/callkeeper-access'
          identity: identity.id
        }
      ]
    }
    template: {
      // Longer than SHUTDOWN_TIMEOUT (25 s): the replica finishes its visits or hands them over.
      terminationGracePeriodSeconds: 40
      containers: [
        {
          name: 'callkeeper'
          image: image
          resources: {
            cpu: json('0.5')
            memory: '1Gi'
          }
          env: [
            {
              name: 'APPS_FILE'
              value: '/etc/callkeeper/apps.yaml'
            }
            {
              name: 'ACCESS_FILE'
              value: '/etc/callkeeper/access.yaml'
            }
            {
              name: 'REDIS_URL'
              value: '${database.properties.clusteringPolicy == 'OSSCluster' ? 'rediss+cluster' : 'rediss'}://${redis.properties.hostName}:${database.properties.port}'
            }
            {
              name: 'REDIS_AUTH'
              value: 'entra'
            }
            {
              name: 'REDIS_ENTRA_CLIENT_ID'
              value: identity.properties.clientId
            }
            {
              name: 'GRAPH_CLOUD'
              value: graphCloud
            }
          ]
          volumeMounts: [
            {
              volumeName: 'files'
              mountPath: '/etc/callkeeper'
            }
          ]
          // A replica gets requests once it was ready, which needs Redis, and then while it is alive:
          // while Redis is out it still accepts calls.
          probes: [
            {
              type: 'Startup'
              httpGet: {
                path: '/readyz'
                port: 8080
              }
              periodSeconds: 10
              timeoutSeconds: 5
              // The maximum. A replica that still waits for Redis then is restarted, which does no harm.
              failureThreshold: 10
            }
            {
              type: 'Readiness'
              httpGet: {
                path: '/livez'
                port: 8080
              }
              periodSeconds: 5
              timeoutSeconds: 5
              failureThreshold: 2
            }
            {
              type: 'Liveness'
              httpGet: {
                path: '/livez'
                port: 8080
              }
              periodSeconds: 10
              timeoutSeconds: 5
              failureThreshold: 6
            }
          ]
        }
      ]
      volumes: [
        {
          name: 'files'
          storageType: 'Secret'
          secrets: [
            {
              secretRef: 'apps'
              path: 'apps.yaml'
            }
            {
              secretRef: 'access'
              path: 'access.yaml'
            }
          ]
        }
      ]
      scale: {
        minReplicas: minReplicas
        maxReplicas: maxReplicas
        // Not by lateness: the metrics of one replica cannot be read from outside.
        rules: [
          {
            name: 'cpu'
            custom: {
              type: 'cpu'
              metadata: {
                type: 'Utilization'
                value: '60'
              }
            }
          }
        ]
      }
    }
  }
}

output url string = 'https://${app.properties.configuration.ingress.fqdn}'
